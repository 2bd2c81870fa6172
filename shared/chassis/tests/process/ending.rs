//! How a process ends.

use std::{sync::Arc, time::Duration};

use hongyan_chassis::{Exit, Problem, Service, serve};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    desk::{Desk, ack, watch},
    house::{CALLER, House, INFO, soon},
};

#[tokio::test]
async fn the_drain_ends_open_streams_and_finishes_calls_at_work() {
    let house = House::new();
    let mut settings = house.settings();
    settings.drain_timeout = Duration::from_secs(4);
    let desk = Desk::new();
    let server = house.start(settings, desk.builder()).await;
    let mut client = house.client(CALLER, &server).await;
    let mut polite = client.watch_uplinks(watch("polite")).await.unwrap().into_inner();
    let mut stubborn = client
        .watch_uplinks(watch("stubborn"))
        .await
        .unwrap()
        .into_inner();
    polite.message().await.unwrap().unwrap();
    stubborn.message().await.unwrap().unwrap();
    let mut health = HealthClient::new(house.channel(CALLER, &server).await);
    let mut watching = health
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let serving = watching.message().await.unwrap().unwrap();
    // The polite stream's own wait is the first arrival.
    desk.arrivals(1).await;
    let mut busy = client.clone();
    let at_work = tokio::spawn(async move { busy.ack_uplinks(ack("waiting")).await });
    desk.arrivals(1).await;

    server.stop.cancel();
    assert!(soon("its end", polite.message()).await.unwrap().is_none());
    let not_serving = soon("the last health", watching.message())
        .await
        .unwrap()
        .unwrap();
    assert_ne!(not_serving, serving);
    let status = soon("its end", watching.message()).await.unwrap_err();
    assert_eq!(Problem::from_status(&status).reason, "DRAINING");
    let (code, reasons) = server.page("/readyz").await;
    assert_eq!((code, reasons.as_str()), (503, "draining\n"));
    desk.go_on.add_permits(1);
    soon("the call at work", at_work).await.unwrap().unwrap();
    let status = soon("its end", stubborn.message()).await.unwrap_err();
    let problem = Problem::from_status(&status);
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::Unavailable, "DRAINING")
    );
    assert_eq!(soon("the end", server.exit).await.unwrap(), Exit::Drained);
}

#[tokio::test]
async fn tracked_tasks_are_waited_for_and_helpers_live_as_long_as_calls() {
    let house = House::new();
    let desk = Desk::new();
    let build = desk.builder();
    let finished = Arc::new(tokio::sync::Semaphore::new(0));
    let told = finished.clone();
    let server = house
        .start(house.settings(), move |context| {
            let (shutdown, calls_ended) = (context.shutdown.clone(), context.calls_ended.clone());
            let early = told.clone();
            context.spawn("loop", async move {
                shutdown.cancelled().await;
                tokio::task::yield_now().await;
                early.add_permits(1);
            });
            context.spawn("helper", async move {
                calls_ended.cancelled().await;
                told.add_permits(1);
            });
            build(context)
        })
        .await;
    let mut client = house.client(CALLER, &server).await;
    let at_work = tokio::spawn(async move { client.ack_uplinks(ack("waiting")).await });
    desk.arrivals(1).await;
    server.stop.cancel();
    soon("the loop's end", finished.acquire()).await.unwrap().forget();
    // The call is still at work, so the helper is still there.
    assert_eq!(finished.available_permits(), 0);
    desk.go_on.add_permits(1);
    at_work.await.unwrap().unwrap();
    assert_eq!(soon("the end", server.exit).await.unwrap(), Exit::Drained);
    assert_eq!(finished.available_permits(), 1);
}

#[tokio::test]
async fn a_call_that_never_ends_meets_the_hard_end() {
    let house = House::new();
    let mut settings = house.settings();
    settings.drain_timeout = Duration::from_millis(100);
    let desk = Desk::new();
    let server = house.start(settings, desk.builder()).await;
    let mut client = house.client(CALLER, &server).await;
    let _at_work = tokio::spawn(async move { client.ack_uplinks(ack("endless")).await });
    desk.arrivals(1).await;
    assert_eq!(server.end().await, Exit::DrainTimeout);
    assert_eq!(Exit::DrainTimeout.code(), 75);
}

#[tokio::test]
async fn a_task_that_never_ends_meets_the_hard_end() {
    let house = House::new();
    let mut settings = house.settings();
    settings.drain_timeout = Duration::from_millis(100);
    let build = Desk::new().builder();
    let server = house
        .start(settings, |context| {
            context.spawn("deaf", std::future::pending::<()>());
            build(context)
        })
        .await;
    assert_eq!(server.end().await, Exit::DrainTimeout);
}

#[tokio::test]
async fn a_task_that_dies_takes_the_process_along() {
    let house = House::new();
    let build = Desk::new().builder();
    let (kill, killed) = tokio::sync::oneshot::channel::<()>();
    let server = house
        .start(house.settings(), |context| {
            context.spawn("mortal", async move { killed.await.map_err(|_| "disk full") });
            build(context)
        })
        .await;
    drop(kill);
    let exit = soon("the end", server.exit).await.unwrap();
    assert_eq!((exit, exit.code()), (Exit::TaskDied, 70));
}

#[tokio::test]
async fn what_refuses_at_the_start_ends_the_process() {
    let house = House::new();
    let start = async |settings, refuse: bool| {
        let build = async move |(), _context| {
            if refuse {
                Err("redis: connection refused".into())
            } else {
                Ok(Service::default())
            }
        };
        let serving = serve(
            INFO,
            settings,
            (),
            build,
            Arc::new(String::new),
            CancellationToken::new(),
        );
        soon("the end", serving).await
    };
    assert_eq!(start(house.settings(), true).await, Exit::Unavailable);

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = house.settings();
    settings.grpc_listen = taken.local_addr().unwrap();
    assert_eq!(start(settings, false).await, Exit::Unavailable);

    let mut settings = house.settings();
    settings.identity.cert_file = house.dir.path().join("none.pem");
    assert_eq!(start(settings, false).await, Exit::Unavailable);
    assert_eq!(Exit::Unavailable.code(), 69);
}

#[tokio::test]
async fn a_process_told_to_end_while_it_starts_ends_well() {
    let house = House::new();
    let stop = CancellationToken::new();
    let told = stop.clone();
    let build = async move |(), _context| {
        told.cancel();
        std::future::pending().await
    };
    let exit = soon(
        "the end",
        serve(INFO, house.settings(), (), build, Arc::new(String::new), stop),
    )
    .await;
    assert_eq!(exit, Exit::Drained);
}
