//! Typed clients for one identity.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hongyan_identity::{Connector, Credentials, IdentitySettings};
use hongyan_proto::{
    audit::v1::audit_service_client::AuditServiceClient, carrier::v1::link_service_client::LinkServiceClient,
    dispatch::v1::dispatch_service_client::DispatchServiceClient,
    uplink::v1::uplink_service_client::UplinkServiceClient,
    verify::v1::verify_service_client::VerifyServiceClient,
};
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};

use crate::harness::ca::{Identity, TRUST_DOMAIN, spiffe};

/// Where the services answer: `host:port` each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// audit-svc.
    pub audit: String,
    /// The logs that audit-svc publishes, by plain HTTP.
    #[serde(default)]
    pub logs: String,
    /// sms-dispatch-svc.
    pub dispatch: String,
    /// verify-svc.
    pub verify: String,
    /// uplink-router-svc.
    pub uplink_router: String,
    /// carrier-link-svc, one for each replica.
    pub links: Vec<String>,
}

/// A service, as a client names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// audit-svc.
    Audit,
    /// sms-dispatch-svc.
    Dispatch,
    /// verify-svc.
    Verify,
    /// uplink-router-svc.
    UplinkRouter,
    /// One replica of carrier-link-svc, from 0.
    Link(usize),
}

impl Service {
    /// Its path in the trust domain.
    pub fn path(self) -> &'static str {
        match self {
            Self::Audit => "svc/audit",
            Self::Dispatch => "svc/dispatch",
            Self::Verify => "svc/verify",
            Self::UplinkRouter => "svc/uplink-router",
            Self::Link(_) => "svc/carrier-link",
        }
    }
}

/// Connects as one identity. Every call of a getter makes a connection of its own (when first used); clone what it
/// gives to share one.
#[derive(Clone)]
pub struct Client {
    credentials: Credentials,
    addresses: Addresses,
}

impl Client {
    /// Reads the identity's files once; they are not followed when they change.
    pub async fn new(identity: &Identity, addresses: &Addresses) -> Result<Self> {
        let credentials = Credentials::load(&IdentitySettings {
            cert_file: identity.cert_file.clone(),
            key_file: identity.key_file.clone(),
            roots_file: identity.roots_file.clone(),
            trust_domain: TRUST_DOMAIN.to_owned(),
            method_table_file: None,
            reload_interval: Duration::from_secs(1),
        })
        .await
        .context("the client's own credentials")?;
        Ok(Self {
            credentials,
            addresses: addresses.clone(),
        })
    }

    /// A connection to a service, which must prove to be that service.
    pub fn channel(&self, service: Service) -> Result<Channel> {
        let address = match service {
            Service::Audit => &self.addresses.audit,
            Service::Dispatch => &self.addresses.dispatch,
            Service::Verify => &self.addresses.verify,
            Service::UplinkRouter => &self.addresses.uplink_router,
            Service::Link(replica) => self
                .addresses
                .links
                .get(replica)
                .with_context(|| format!("there is no link replica {replica}"))?,
        };
        self.channel_to(address, &spiffe(service.path()))
    }

    /// A connection to any address, which must prove to be `expected`.
    pub fn channel_to(&self, address: &str, expected: &str) -> Result<Channel> {
        let connector = Connector::new(self.credentials.clone(), expected.parse()?);
        Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_with_connector_lazy(connector))
    }

    /// To audit-svc.
    pub fn audit(&self) -> Result<AuditServiceClient<Channel>> {
        Ok(AuditServiceClient::new(self.channel(Service::Audit)?))
    }

    /// To sms-dispatch-svc.
    pub fn dispatch(&self) -> Result<DispatchServiceClient<Channel>> {
        Ok(DispatchServiceClient::new(self.channel(Service::Dispatch)?))
    }

    /// To verify-svc.
    pub fn verify(&self) -> Result<VerifyServiceClient<Channel>> {
        Ok(VerifyServiceClient::new(self.channel(Service::Verify)?))
    }

    /// To uplink-router-svc.
    pub fn uplink(&self) -> Result<UplinkServiceClient<Channel>> {
        Ok(UplinkServiceClient::new(self.channel(Service::UplinkRouter)?))
    }

    /// To one replica of carrier-link-svc.
    pub fn link(&self, replica: usize) -> Result<LinkServiceClient<Channel>> {
        Ok(LinkServiceClient::new(self.channel(Service::Link(replica))?))
    }
}
