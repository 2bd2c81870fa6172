//! Which methods exist, and which of them stream.

use std::collections::{HashMap, HashSet};

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
#[derive(Debug, Clone, Default)]
pub(crate) struct Methods {
    shapes: HashMap<String, Shape>,
}

impl Methods {
    pub(crate) fn read(descriptor_set: &[u8]) -> Result<Self, prost::DecodeError> {
        let set = FileDescriptorSet::decode(descriptor_set)?;
        let mut shapes = HashMap::from([
            (format!("{HEALTH}Check"), Shape::Unary),
            (format!("{HEALTH}List"), Shape::Unary),
            (format!("{HEALTH}Watch"), Shape::Streaming),
            (format!("{REFLECTION}ServerReflectionInfo"), Shape::Streaming),
        ]);
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let streams = method.client_streaming() || method.server_streaming();
                    shapes.insert(path, if streams { Shape::Streaming } else { Shape::Unary });
                }
            }
        }
        Ok(Self { shapes })
    }

    /// A method that does not exist counts as unary: it is about to be refused, within a deadline.
    pub(crate) fn shape(&self, path: &str) -> Shape {
        self.shapes.get(path).copied().unwrap_or(Shape::Unary)
    }

    /// The method's fully-qualified name (`package.Service/Method`), or [`OTHER`].
    pub(crate) fn label(&self, path: &str) -> &str {
        self.shapes
            .get_key_value(path)
            .and_then(|(path, _)| path.strip_prefix('/'))
            .unwrap_or(OTHER)
    }

    /// Whether the descriptor set has the service.
    pub(crate) fn services(&self) -> HashSet<&str> {
        self.shapes
            .keys()
            .filter_map(|path| path.strip_prefix('/')?.split_once('/'))
            .map(|(service, _)| service)
            .collect()
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
            assert_eq!(methods.label(path), &path[1..]);
        }
        assert!(methods.services().contains("hongyan.audit.v1.AuditService"));
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
            assert_eq!(methods.label(path), OTHER);
            assert_eq!(methods.shape(path), Shape::Unary);
        }
        Methods::read(b"\xff\xff").unwrap_err();
    }
}
