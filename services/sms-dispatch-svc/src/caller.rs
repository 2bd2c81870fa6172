//! Who asks, and in whose name. Pure.

use hongyan_catalog::{Catalog, Tenant};
use hongyan_chassis::Problem;
use hongyan_domain::TenantId;
use hongyan_identity::{Peer, SpiffeId};
use tonic::{Code, Request};

/// The service that sends in tenants' names: the answers to what subscribers text.
const UPLINK_ROUTER: &str = "uplink-router";

/// A peer that was let in.
#[derive(Debug, Clone)]
pub struct Caller {
    id: SpiffeId,
}

impl Caller {
    /// The peer of a request.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Problem> {
        let peer = request.extensions().get::<Peer>();
        let peer = peer.ok_or_else(|| {
            Problem::new(
                Code::Unauthenticated,
                "NO_PEER",
                "the connection has no identity of its peer",
            )
        })?;
        Ok(Self { id: peer.id.clone() })
    }

    /// Its SPIFFE id.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Whether it sees every tenant's messages.
    pub fn is_operator(&self) -> bool {
        self.id.is_operator()
    }

    /// Whether it is the uplink router.
    pub fn is_uplink_router(&self) -> bool {
        self.id.is_service(UPLINK_ROUTER)
    }

    /// The tenant that it speaks for: its own; for the router and for operators the one that the request names.
    pub fn tenant<'a>(&self, named: &str, catalog: &'a Catalog) -> Result<&'a Tenant, Problem> {
        if self.is_uplink_router() || self.is_operator() {
            let tenant = TenantId::parse(named).ok().and_then(|id| catalog.tenant(&id));
            return tenant
                .ok_or_else(|| Problem::invalid().field("tenant", "must name a tenant of the catalog"));
        }
        if !named.is_empty() {
            return Err(Problem::denied(
                "TENANT_NOT_ALLOWED",
                "only the uplink router and operators name a tenant",
            ));
        }
        self.own_tenant(catalog)
    }

    /// The tenant that the catalog gives the caller.
    pub fn own_tenant<'a>(&self, catalog: &'a Catalog) -> Result<&'a Tenant, Problem> {
        catalog
            .tenant_of_caller(self.id.as_str())
            .ok_or_else(|| Problem::denied("NO_TENANT", "the caller speaks for no tenant of the catalog"))
    }
}

#[cfg(test)]
impl Caller {
    pub(crate) fn named(id: &str) -> Self {
        Self {
            id: id.parse().unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use crate::testing;

    #[test]
    fn each_kind_of_peer_speaks_for_the_tenant_it_may() {
        let catalog = testing::catalog();
        let ask = |id: &str, named: &str| {
            let caller = Caller::named(&format!("spiffe://hongyan.test/{id}"));
            caller
                .tenant(named, &catalog)
                .map(|tenant| tenant.id.to_string())
                .map_err(|problem| problem.reason)
        };
        let table = [
            ("caller/shebao", "", Ok("shebao")),
            ("caller/shebao", "shebao", Err("TENANT_NOT_ALLOWED")),
            ("caller/shebao", "xinghe", Err("TENANT_NOT_ALLOWED")),
            ("caller/nobody", "", Err("NO_TENANT")),
            ("svc/uplink-router", "xinghe", Ok("xinghe")),
            ("svc/uplink-router", "", Err("INVALID_REQUEST")),
            ("svc/verify", "xinghe", Err("TENANT_NOT_ALLOWED")),
            ("operator/li", "xinghe", Ok("xinghe")),
            ("operator/li", "nobody", Err("INVALID_REQUEST")),
        ];
        for (id, named, expected) in table {
            let expected = expected.map(str::to_owned).map_err(Into::into);
            assert_eq!(ask(id, named), expected, "{id} {named}");
        }
    }

    #[test]
    fn a_request_without_a_peer_is_refused() {
        let problem = Caller::of(&tonic::Request::new(())).unwrap_err();
        assert_eq!(problem.reason, "NO_PEER");
    }
}
