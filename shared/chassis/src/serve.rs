//! The life of a process: build, serve, drain.

use std::{future::Future, io, sync::Arc, time::Duration};

use futures_util::future::{FusedFuture, FutureExt as _};
use hongyan_identity::{Credentials, LiveMethodTable, incoming};
use hongyan_proto::process::v1::process_service_server::ProcessServiceServer;
use tokio::{net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tracing::{error, info, warn};

use crate::{
    admin::{self, Render},
    client::Dialer,
    context::Context,
    health,
    http::serve_http,
    layers,
    methods::Methods,
    ports,
    problem::Chain,
    process_rpc::ProcessRpc,
    readiness::{Board, ReadinessLatch},
    service::{BuildError, Service, ServiceInfo},
    settings::ChassisSettings,
    tasks::Tasks,
};

const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a process ended; its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: told to end, everything drained.
    Drained,
    /// 64: the settings or the command line are wrong.
    Settings,
    /// 69: something that is needed at the start refused: a file, a port, a neighbour.
    Unavailable,
    /// 70: a task of the process died.
    TaskDied,
    /// 75: the drain took too long; what was at work was cut off.
    DrainTimeout,
}

impl Exit {
    /// As in `sysexits.h`.
    pub fn code(self) -> u8 {
        match self {
            Self::Drained => 0,
            Self::Settings => 64,
            Self::Unavailable => 69,
            Self::TaskDied => 70,
            Self::DrainTimeout => 75,
        }
    }
}

/// Builds the service, serves it until `stop` is cancelled, and drains. What [`main`](crate::main) does between its telemetry's
/// beginning and end; for tests that run a service in their own process.
pub async fn serve<S, B, F>(
    info: ServiceInfo,
    chassis: ChassisSettings,
    settings: S,
    build: B,
    render_metrics: Render,
    stop: CancellationToken,
) -> Exit
where
    B: FnOnce(S, Context) -> F,
    F: Future<Output = Result<Service, BuildError>>,
{
    let instance = format!("{}-{}", info.name, uuid::Uuid::new_v4());
    // Boxed: it holds the whole service, and would make every future around it as large.
    Box::pin(serve_as(
        Arc::from(instance),
        info,
        chassis,
        settings,
        build,
        render_metrics,
        stop,
    ))
    .await
}

pub(crate) async fn serve_as<S, B, F>(
    instance: Arc<str>,
    info: ServiceInfo,
    chassis: ChassisSettings,
    settings: S,
    build: B,
    render_metrics: Render,
    stop: CancellationToken,
) -> Exit
where
    B: FnOnce(S, Context) -> F,
    F: Future<Output = Result<Service, BuildError>>,
{
    let process = match Process::begin(instance, info, chassis, render_metrics).await {
        Ok(process) => process,
        Err(error) => {
            error!(error = %Chain(&*error), "the process cannot start");
            return Exit::Unavailable;
        }
    };
    let building = build(settings, process.context.clone());
    let service = tokio::select! {
        service = building => service,
        death = process.context.tasks.death() => {
            process.context.board.lost(death.task, &death.why);
            return process.drain(futures_util::future::ready(())).await;
        }
        () = stop.cancelled() => {
            info!("told to end while starting");
            return process.drain(futures_util::future::ready(())).await;
        }
    };
    match service {
        Ok(service) => process.run(service, stop).await,
        Err(error) => {
            error!(error = %Chain(&*error), "the service cannot start");
            process.drain(futures_util::future::ready(())).await;
            Exit::Unavailable
        }
    }
}

/// A process that has its identity and its admin port, but no service yet.
struct Process {
    info: ServiceInfo,
    chassis: ChassisSettings,
    context: Context,
    methods: Arc<Methods>,
    table: LiveMethodTable,
    admin: TcpListenerAddress,
    /// Set when calls are accepted.
    listening: Option<ReadinessLatch>,
    /// Ends streams that do not end by themselves; cancelled half-way through the drain.
    cut_streams: CancellationToken,
}

type TcpListenerAddress = std::net::SocketAddr;

impl Process {
    async fn begin(
        instance: Arc<str>,
        info: ServiceInfo,
        chassis: ChassisSettings,
        render_metrics: Render,
    ) -> Result<Self, BuildError> {
        let methods = Arc::new(Methods::read(info.descriptor_set)?);
        let credentials = Credentials::load(&chassis.identity).await?;
        let table_file = chassis.identity.method_table_file.clone();
        let table_file = table_file.ok_or("identity.method_table_file is not set")?;
        let table = LiveMethodTable::load(table_file).await?;

        let shutdown = CancellationToken::new();
        let calls_ended = CancellationToken::new();
        let tasks = Tasks::new(shutdown.clone());
        let board = Board::new();
        // Taken before anybody can ask: a process that has not yet come to its own latches is not ready.
        let listening = board.latch("gRPC server");
        let listener = listen(chassis.admin_listen).await?;
        let admin = listener.local_addr()?;
        // Not one of the tracked tasks: it tells about the drain until the very end, and ends with the runtime.
        tokio::spawn(serve_http(
            listener,
            "admin",
            admin::routes(board.clone(), render_metrics),
            admin::LIMITS,
            CancellationToken::new(),
        ));

        let interval = chassis.identity.reload_interval;
        tasks.spawn("credentials", credentials.clone().keep_fresh(calls_ended.clone()));
        tasks.spawn(
            "method table",
            table.clone().keep_fresh(interval, calls_ended.clone()),
        );
        let dialer = Dialer::with(
            credentials.clone(),
            methods.clone(),
            chassis.default_deadline,
            chassis.max_deadline,
        );
        let context = Context {
            shutdown,
            calls_ended,
            instance,
            credentials,
            tasks,
            board,
            dialer,
        };
        Ok(Self {
            info,
            chassis,
            context,
            methods,
            table,
            admin,
            listening: Some(listening),
            cut_streams: CancellationToken::new(),
        })
    }

    async fn run(mut self, service: Service, stop: CancellationToken) -> Exit {
        let serving = match self.open(service).await {
            Ok(serving) => serving,
            Err(error) => {
                error!(error = %Chain(&*error), "the service cannot listen");
                self.drain(futures_util::future::ready(())).await;
                return Exit::Unavailable;
            }
        };
        let mut serving = Box::pin(serving.fuse());
        tokio::select! {
            () = stop.cancelled() => info!("told to end"),
            // The task itself has said why, at ERROR.
            death = self.context.tasks.death() => {
                warn!(task = death.task, "ending because a task died");
                self.context.board.lost(death.task, &death.why);
            }
            // Ends early only where its accept loop did.
            () = &mut serving => error!("the server ended before its time"),
        }
        self.drain(serving).await
    }

    /// Listens and serves; the future ends when the last call after the shutdown has ended.
    async fn open(&mut self, service: Service) -> Result<impl Future<Output = ()> + use<>, BuildError> {
        if let Some(name) = service.names.iter().find(|name| !self.methods.has_service(name)) {
            return Err(format!("the descriptor set has no service {name}").into());
        }
        let (reporter, health_server) = tonic_health::server::health_reporter();
        health::tell(&reporter, &service.names, false).await;
        let reflection = service
            .names
            .iter()
            .fold(tonic_reflection::server::Builder::configure(), |builder, name| {
                builder.with_service_name(*name)
            })
            .register_encoded_file_descriptor_set(self.info.descriptor_set)
            .build_v1()?;
        let last_status_told = CancellationToken::new();
        let ends = layers::StreamEnds {
            own: last_status_told.clone(),
            all: self.cut_streams.clone(),
        };
        self.context.tasks.spawn(
            "health",
            health::follow(
                self.context.board.clone(),
                reporter,
                service.names,
                health::Ending {
                    shutdown: self.context.shutdown.clone(),
                    last_status_told,
                },
            ),
        );
        let process = ProcessServiceServer::new(ProcessRpc {
            instance: self.context.instance.clone(),
            version: self.info.version,
            board: self.context.board.clone(),
        });
        let routes = service
            .routes
            .add_service(health_server)
            .add_service(reflection)
            .add_service(process);
        let layered = layers::around(
            routes.prepare(),
            &self.methods,
            &self.chassis,
            self.table.clone(),
            ends,
        );

        let listener = listen(self.chassis.grpc_listen).await?;
        let grpc = listener.local_addr()?;
        if let Some(file) = &self.chassis.ports_file {
            ports::write(file, grpc, self.admin).await?;
        }
        let connections = incoming(
            listener,
            self.context.credentials.clone(),
            self.context.shutdown.clone(),
        );
        info!(
            grpc = %grpc,
            admin = %self.admin,
            version = self.info.version,
            id = %self.context.credentials.id(),
            "serving"
        );
        if let Some(listening) = self.listening.take() {
            listening.set();
        }
        let shutdown = self.context.shutdown.clone();
        // No `max_connection_age_grace`: with it tonic sends no GOAWAY and cuts connections.
        let server = Server::builder()
            .max_concurrent_streams(self.chassis.max_streams_per_connection)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
        Ok(async move {
            let outcome = server
                .serve_with_incoming_shutdown(layered, connections, shutdown.cancelled_owned())
                .await;
            if let Err(error) = outcome {
                error!(error = %Chain(&error), "the server failed");
            }
        })
    }

    /// Not ready → no more calls → the calls at work end → the tasks end. Never longer than the settings allow.
    async fn drain(self, serving: impl FusedFuture<Output = ()>) -> Exit {
        let begun = Instant::now();
        let context = &self.context;
        context.board.drain();
        let drained = async {
            let mut serving = std::pin::pin!(serving);
            // Who has not heard of it yet still comes, and is served: the server makes no progress unless it is polled.
            if !self.chassis.drain_notice.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(self.chassis.drain_notice) => {}
                    () = &mut serving, if !serving.is_terminated() => {}
                }
            }
            context.shutdown.cancel();
            let half = begun + self.chassis.drain_timeout / 2;
            if !serving.is_terminated() && tokio::time::timeout_at(half, &mut serving).await.is_err() {
                warn!("streams that did not end by themselves are ended now");
                self.cut_streams.cancel();
                serving.await;
            }
            context.calls_ended.cancel();
            context.tasks.ended().await;
        };
        let in_time = tokio::time::timeout_at(begun + self.chassis.drain_timeout, drained).await;
        let took_ms = begun.elapsed().as_millis();
        if in_time.is_err() {
            error!(%took_ms, "the drain took too long; what is still at work is cut off");
            context.shutdown.cancel();
            context.calls_ended.cancel();
        }
        if context.tasks.has_died() {
            return Exit::TaskDied;
        }
        if in_time.is_err() {
            return Exit::DrainTimeout;
        }
        info!(%took_ms, "drained");
        Exit::Drained
    }
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, BuildError> {
    let told = |error: io::Error| format!("{address}: {error}");
    Ok(TcpListener::bind(address).await.map_err(told)?)
}
