//! What the process tells an operator about itself: the reasons behind the one word of its health.

use std::sync::Arc;

use hongyan_proto::process::v1::{
    GetReadinessRequest, GetReadinessResponse, process_service_server::ProcessService,
};
use tonic::{Request, Response, Status};

use crate::readiness::Board;

/// `ProcessService`.
pub(crate) struct ProcessRpc {
    pub(crate) instance: Arc<str>,
    pub(crate) version: &'static str,
    pub(crate) board: Board,
}

#[tonic::async_trait]
impl ProcessService for ProcessRpc {
    async fn get_readiness(
        &self,
        _: Request<GetReadinessRequest>,
    ) -> Result<Response<GetReadinessResponse>, Status> {
        let reasons = self.board.reasons();
        Ok(Response::new(GetReadinessResponse {
            instance: self.instance.to_string(),
            version: self.version.to_owned(),
            ready: reasons.is_empty(),
            reasons,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{ProcessRpc, ProcessService as _};
    use crate::readiness::Board;
    use hongyan_proto::process::v1::GetReadinessRequest;
    use tonic::Request;

    #[tokio::test]
    async fn the_reasons_are_those_of_the_board() {
        let board = Board::new();
        let flag = board.flag("record");
        let rpc = ProcessRpc {
            instance: "audit-svc-1".into(),
            version: "1.2.3",
            board,
        };
        let told = async || {
            let answer = rpc.get_readiness(Request::new(GetReadinessRequest {})).await;
            let answer = answer.unwrap().into_inner();
            (answer.ready, answer.reasons)
        };
        flag.down("the disk refused a write");
        assert_eq!(
            told().await,
            (false, vec!["record: the disk refused a write".to_owned()])
        );
        flag.up();
        assert_eq!(told().await, (true, Vec::new()));
    }
}
