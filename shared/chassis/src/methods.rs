//! Which methods exist, and which of them stream.

use std::{collections::HashMap, sync::Arc};

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// The label of methods that do not exist: a caller could make up any number of them.
pub(crate) const OTHER: &str = "_OTHER";

const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/";

/// How a method is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One request, one answer.
    Unary,
    /// A stream in either direction.
    Streaming,
}

/// The methods of the descriptor set, of health and of reflection, by their path (`/package.Service/Method`).
#[derive(Debug, Clone)]
pub(crate) struct Methods {
    by_path: HashMap<String, Method>,
    other: Method,
}

#[derive(Debug, Clone)]
struct Method {
    shape: Shape,
    /// Fully qualified, shared by the labels of every call.
    name: Arc<str>,
}

impl Methods {
    pub(crate) fn read(descriptor_set: &[u8]) -> Result<Self, prost::DecodeError> {
        let set = FileDescriptorSet::decode(descriptor_set)?;
        let mut by_path = HashMap::new();
        let mut add = |path: String, shape| {
            let name = Arc::from(path.trim_start_matches('/'));
            by_path.insert(path, Method { shape, name });
        };
        add(format!("{HEALTH}Check"), Shape::Unary);
        add(format!("{HEALTH}List"), Shape::Unary);
        add(format!("{HEALTH}Watch"), Shape::Streaming);
        add(format!("{REFLECTION}ServerReflectionInfo"), Shape::Streaming);
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let streams = method.client_streaming() || method.server_streaming();
                    add(path, if streams { Shape::Streaming } else { Shape::Unary });
                }
            }
        }
        // A method that does not exist counts as unary: it is about to be refused, within a deadline.
        let other = Method {
            shape: Shape::Unary,
            name: Arc::from(OTHER),
        };
        Ok(Self { by_path, other })
    }

    pub(crate) fn shape(&self, path: &str) -> Shape {
        self.of(path).shape
    }

    /// The method's fully-qualified name (`package.Service/Method`), or [`OTHER`].
    pub(crate) fn label(&self, path: &str) -> Arc<str> {
        self.of(path).name.clone()
    }

    /// Whether the descriptor set has the service.
    pub(crate) fn has_service(&self, service: &str) -> bool {
        let of_it = |method: &Method| {
            method
                .name
                .split_once('/')
                .is_some_and(|(name, _)| name == service)
        };
        self.by_path.values().any(of_it)
    }

    fn of(&self, path: &str) -> &Method {
        self.by_path.get(path).unwrap_or(&self.other)
    }

    /// Health and reflection are the chassis' own: answered under load, and ended as soon as the process drains.
    pub(crate) fn is_own(path: &str) -> bool {
        path.starts_with(HEALTH) || path.starts_with(REFLECTION)
    }
}

#[cfg(test)]
mod tests {
    use super::{Methods, OTHER, Shape};

    #[test]
    fn the_descriptor_set_tells_which_methods_stream() {
        let methods = Methods::read(hongyan_proto::FILE_DESCRIPTOR_SET).unwrap();
        for (path, shape) in [
            ("/hongyan.dispatch.v1.DispatchService/SendMessage", Shape::Unary),
            (
                "/hongyan.dispatch.v1.DispatchService/SendMessages",
                Shape::Streaming,
            ),
            (
                "/hongyan.dispatch.v1.DispatchService/WatchReceipts",
                Shape::Streaming,
            ),
            ("/grpc.health.v1.Health/Check", Shape::Unary),
            ("/grpc.health.v1.Health/Watch", Shape::Streaming),
        ] {
            assert_eq!(methods.shape(path), shape, "{path}");
            assert_eq!(*methods.label(path), path[1..]);
        }
        assert!(methods.has_service("hongyan.audit.v1.AuditService"));
        assert!(!methods.has_service("hongyan.audit.v1"));
        assert!(Methods::is_own("/grpc.health.v1.Health/Watch"));
    }

    #[test]
    fn made_up_methods_share_one_label() {
        let methods = Methods::read(hongyan_proto::FILE_DESCRIPTOR_SET).unwrap();
        for path in [
            "",
            "/",
            "/no.Such/Method",
            "/hongyan.dispatch.v1.DispatchService/Drop",
        ] {
            assert_eq!(*methods.label(path), *OTHER);
            assert_eq!(methods.shape(path), Shape::Unary);
        }
        Methods::read(b"\xff\xff").unwrap_err();
    }
}
