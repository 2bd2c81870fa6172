//! The simulated world around the mesh: carriers' gateways, an identity upstream, a business handler, a trace sink.

use std::path::Path;

use anyhow::Result;

use super::{
    World,
    catalog::LINKS_OF_THE_EXAMPLE,
    people,
    service::Ready,
    settings::Settings,
    start::{Starter, free_address},
};
use crate::harness::ca::{TRUST_DOMAIN, Validity, write_whole};
use crate::identity_sim::CODES;

/// Taken submits whose texts a gateway keeps for being asked.
const KEPT_TEXTS: u32 = 100_000;

/// The programs of the world, by their names in the mesh.
pub(super) const PROGRAMS: [&str; 6] = [
    "trace-sink",
    "gateway-cmcc-a",
    "gateway-unicom-a",
    "gateway-telecom-a",
    "identity-upstream",
    "business-handler",
];

/// Starts the world. Gives where it answers, the gateways' ports for CMPP and the handler's for gRPC.
pub(super) fn start(starter: &mut Starter) -> Result<(World, [u16; 3], u16)> {
    let named = |name: &str, address: std::net::SocketAddr| (name.to_owned(), address.to_string());

    let (otlp, traces) = (free_address()?, free_address()?);
    starter.outside(
        "trace-sink",
        "hongyan-trace-sink",
        vec![format!("--otlp={otlp}"), format!("--http={traces}")],
        Ready::Http(format!("http://{traces}/healthz")),
        vec![named("otlp", otlp), named("http", traces)],
    )?;

    let mut carriers = Vec::new();
    let mut controls = Vec::new();
    for link in LINKS_OF_THE_EXAMPLE {
        let (carrier, control) = (free_address()?, free_address()?);
        let name = format!("gateway-{}", link.name);
        let mut args = vec![
            format!("--listen={carrier}"),
            format!("--control={control}"),
            format!("--account={}:{}", link.sp_id, link.secret),
            format!("--keep-texts={KEPT_TEXTS}"),
        ];
        if let Some((spoken, listener)) = starter.spoken(link.name) {
            args.extend(spoken.gateway_args(&link, listener));
        }
        args.extend(starter.extra_args(&name));
        starter.outside(
            &name,
            "hongyan-gateway-sim",
            args,
            Ready::Http(format!("http://{control}/healthz")),
            vec![named("carrier", carrier), named("control", control)],
        )?;
        carriers.push(carrier.port());
        controls.push(control);
    }
    let (questions, identity) = (free_address()?, free_address()?);
    let people = starter.layout.world().join("people.json");
    write_whole(&people, &people::file())?;
    starter.outside(
        "identity-upstream",
        "hongyan-identity-sim",
        vec![
            format!("--listen={questions}"),
            format!("--control={identity}"),
            format!("--people={}", people.display()),
        ],
        Ready::Http(format!("http://{identity}/healthz")),
        vec![named("questions", questions), named("control", identity)],
    )?;

    let (handler_grpc, handler) = (free_address()?, free_address()?);
    let handler_identity = starter
        .ca
        .write(&starter.layout.tls(), "handler/cards", Validity::Usual)?;
    let path = |path: &Path| path.display().to_string();
    let mut args = vec![
        format!("--listen={handler_grpc}"),
        format!("--control={handler}"),
        format!("--cert-file={}", path(&handler_identity.cert_file)),
        format!("--key-file={}", path(&handler_identity.key_file)),
        format!("--roots-file={}", path(&handler_identity.roots_file)),
        format!("--trust-domain={TRUST_DOMAIN}"),
    ];
    let balances = starter.layout.world().join("balances.yaml");
    write_whole(&balances, &people::balances())?;
    args.push(format!("--balances={}", path(&balances)));
    starter.outside(
        "business-handler",
        "hongyan-handler-sim",
        args,
        Ready::Http(format!("http://{handler}/healthz")),
        vec![named("grpc", handler_grpc), named("control", handler)],
    )?;

    let world = World {
        traces,
        otlp,
        gateways: [controls[0], controls[1], controls[2]],
        questions,
        identity,
        handler,
    };
    Ok((
        world,
        [carriers[0], carriers[1], carriers[2]],
        handler_grpc.port(),
    ))
}

/// What verify-svc must know of the simulated upstream.
pub(super) fn verify_settings(world: &World) -> Settings {
    let mut settings = Settings::new();
    settings
        .set("upstreams", "bureau")
        .set(
            "upstream.bureau.url",
            format!("http://{}/v1/verify", world.questions),
        )
        .set("upstream.bureau.codes", CODES.join(","));
    settings
}
