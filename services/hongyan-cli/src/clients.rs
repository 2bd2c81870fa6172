//! Connections to the services.

use hongyan_chassis::{Channel, Dialer};
use hongyan_identity::{Credentials, SpiffeId};
use hongyan_proto::{
    audit::v1::audit_service_client::AuditServiceClient, carrier::v1::link_service_client::LinkServiceClient,
    dispatch::v1::dispatch_service_client::DispatchServiceClient,
    process::v1::process_service_client::ProcessServiceClient,
    verify::v1::verify_service_client::VerifyServiceClient,
};

use crate::{
    answer::Failure,
    reach,
    settings::{Place, Settings},
};

/// Speaks to services as the operator. A connection is made with the first call; every call has the deadline of the
/// settings.
pub(crate) struct Clients {
    dialer: Dialer,
    pub(crate) settings: Settings,
}

impl Clients {
    pub(crate) async fn new(settings: Settings) -> Result<Self, Failure> {
        let usage = |why: String| Failure::Usage(why);
        let credentials = Credentials::load(&settings.identity)
            .await
            .map_err(|error| usage(error.to_string()))?;
        let dialer = Dialer::new(credentials, hongyan_proto::FILE_DESCRIPTOR_SET, settings.deadline)
            .map_err(|error| usage(error.to_string()))?;
        Ok(Self { dialer, settings })
    }

    pub(crate) fn verify(&self) -> Result<VerifyServiceClient<Channel>, Failure> {
        Ok(VerifyServiceClient::new(self.place(Place::Verify)?))
    }

    pub(crate) fn dispatch(&self) -> Result<DispatchServiceClient<Channel>, Failure> {
        Ok(DispatchServiceClient::new(self.place(Place::Dispatch)?))
    }

    pub(crate) fn audit(&self) -> Result<AuditServiceClient<Channel>, Failure> {
        Ok(AuditServiceClient::new(self.place(Place::Audit)?))
    }

    /// With what can be seen of the connection, where there was none.
    pub(crate) async fn diagnosed(&self, failure: Failure) -> Failure {
        let Failure::Service { service, mut problem } = failure else {
            return failure;
        };
        let place = [Place::Verify, Place::Dispatch, Place::Audit]
            .into_iter()
            .find(|place| place.name() == service);
        if problem.reason == "UNREACHABLE"
            && let Some(Ok((address, id))) = place.map(|place| self.settings.place(place))
        {
            problem.message = format!("{}: {}", problem.message, reach::look(address, id).await);
        }
        Failure::Service { service, problem }
    }

    /// One process of the link service.
    pub(crate) fn link(&self, address: &str) -> Result<LinkServiceClient<Channel>, Failure> {
        Ok(LinkServiceClient::new(
            self.channel(address, &self.settings.link_id)?,
        ))
    }

    /// The process behind an address that is set; `None` where it is not.
    pub(crate) fn process(&self, place: Place) -> Result<Option<ProcessServiceClient<Channel>>, Failure> {
        match self.settings.place(place) {
            Ok((address, id)) => Ok(Some(ProcessServiceClient::new(self.channel(address, id)?))),
            Err(_) => Ok(None),
        }
    }

    /// The process of the link service at an address.
    pub(crate) fn link_process(&self, address: &str) -> Result<ProcessServiceClient<Channel>, Failure> {
        Ok(ProcessServiceClient::new(
            self.channel(address, &self.settings.link_id)?,
        ))
    }

    fn place(&self, place: Place) -> Result<Channel, Failure> {
        let (address, id) = self.settings.place(place).map_err(Failure::Usage)?;
        self.channel(address, id)
    }

    fn channel(&self, address: &str, id: &str) -> Result<Channel, Failure> {
        let id: SpiffeId = id
            .parse()
            .map_err(|error| Failure::Usage(format!("{id}: {error}")))?;
        self.dialer
            .channel(address, &id, 1)
            .map_err(|error| Failure::Usage(error.to_string()))
    }
}
