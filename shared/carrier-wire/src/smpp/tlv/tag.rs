//! The tags of version 3.4 and the form of each value.

use std::fmt;

/// What an optional parameter is. Tags from 0x1400 to 0x3FFF are the vendors'.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u16);

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// No octet: that it is there says everything.
    Empty,
    /// One octet.
    U8,
    /// Two octets, big-endian.
    U16,
    /// Four octets, big-endian.
    U32,
    /// A C-octet string of at most so many octets, its NUL included.
    Text {
        /// Most octets.
        max: usize,
    },
    /// Octets in bounds.
    Octets {
        /// Fewest octets.
        min: usize,
        /// Most octets.
        max: usize,
    },
}

macro_rules! tags {
    ($($(#[$doc:meta])* $constant:ident = $id:literal, $name:literal, $form:expr;)*) => {
        impl Tag {
            $($(#[$doc])* pub const $constant: Self = Self($id);)*

            /// Every tag that version 3.4 defines.
            pub const ALL: &'static [Self] = &[$(Self::$constant,)*];

            /// The name in the document; `None` for a tag that it does not define.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($id => Some($name),)*
                    _ => None,
                }
            }

            /// The form of its value; any octets for a tag that the document does not define.
            pub const fn form(self) -> Form {
                match self.0 {
                    $($id => $form,)*
                    _ => Form::Octets { min: 0, max: MAX_VALUE_LEN },
                }
            }
        }
    };
}

/// Most octets that a length of two octets can announce.
pub(super) const MAX_VALUE_LEN: usize = 0xffff;

tags! {
    /// Which part of the phone it is for.
    DEST_ADDR_SUBUNIT = 0x0005, "dest_addr_subunit", Form::U8;
    /// Kind of the destination's network.
    DEST_NETWORK_TYPE = 0x0006, "dest_network_type", Form::U8;
    /// Kind of the destination's bearer.
    DEST_BEARER_TYPE = 0x0007, "dest_bearer_type", Form::U8;
    /// Telematic interworking at the destination.
    DEST_TELEMATICS_ID = 0x0008, "dest_telematics_id", Form::U16;
    /// Which part of the phone it came from.
    SOURCE_ADDR_SUBUNIT = 0x000d, "source_addr_subunit", Form::U8;
    /// Kind of the source's network.
    SOURCE_NETWORK_TYPE = 0x000e, "source_network_type", Form::U8;
    /// Kind of the source's bearer.
    SOURCE_BEARER_TYPE = 0x000f, "source_bearer_type", Form::U8;
    /// Telematic interworking at the source.
    SOURCE_TELEMATICS_ID = 0x0010, "source_telematics_id", Form::U8;
    /// Seconds for which the SMSC keeps the message.
    QOS_TIME_TO_LIVE = 0x0017, "qos_time_to_live", Form::U32;
    /// Kind of the payload (WAP).
    PAYLOAD_TYPE = 0x0019, "payload_type", Form::U8;
    /// Words about a status.
    ADDITIONAL_STATUS_INFO_TEXT = 0x001d, "additional_status_info_text", Form::Text { max: 256 };
    /// The id of the message that a receipt is about.
    RECEIPTED_MESSAGE_ID = 0x001e, "receipted_message_id", Form::Text { max: 65 };
    /// What waits for the phone.
    MS_MSG_WAIT_FACILITIES = 0x0030, "ms_msg_wait_facilities", Form::U8;
    /// How private it is.
    PRIVACY_INDICATOR = 0x0201, "privacy_indicator", Form::U8;
    /// Address within the source. Personal data.
    SOURCE_SUBADDRESS = 0x0202, "source_subaddress", Form::Octets { min: 2, max: 23 };
    /// Address within the destination. Personal data.
    DEST_SUBADDRESS = 0x0203, "dest_subaddress", Form::Octets { min: 2, max: 23 };
    /// The ESME's own number of the message.
    USER_MESSAGE_REFERENCE = 0x0204, "user_message_reference", Form::U16;
    /// The user's own answer code.
    USER_RESPONSE_CODE = 0x0205, "user_response_code", Form::U8;
    /// Port of the source.
    SOURCE_PORT = 0x020a, "source_port", Form::U16;
    /// Port of the destination.
    DESTINATION_PORT = 0x020b, "destination_port", Form::U16;
    /// Reference that the parts of one message share.
    SAR_MSG_REF_NUM = 0x020c, "sar_msg_ref_num", Form::U16;
    /// Language of the text.
    LANGUAGE_INDICATOR = 0x020d, "language_indicator", Form::U8;
    /// How many parts the message has.
    SAR_TOTAL_SEGMENTS = 0x020e, "sar_total_segments", Form::U8;
    /// Which part this is, from 1.
    SAR_SEGMENT_SEQNUM = 0x020f, "sar_segment_seqnum", Form::U8;
    /// The version that the SMSC speaks; missing from one older than 3.4.
    SC_INTERFACE_VERSION = 0x0210, "SC_interface_version", Form::U8;
    /// Whether the call-back number is shown.
    CALLBACK_NUM_PRES_IND = 0x0302, "callback_num_pres_ind", Form::U8;
    /// Name shown with the call-back number. Personal data.
    CALLBACK_NUM_ATAG = 0x0303, "callback_num_atag", Form::Octets { min: 0, max: 65 };
    /// How many messages wait in a mailbox.
    NUMBER_OF_MESSAGES = 0x0304, "number_of_messages", Form::U8;
    /// Number to call back. Personal data.
    CALLBACK_NUM = 0x0381, "callback_num", Form::Octets { min: 4, max: 19 };
    /// Whether a flag for pending deliveries was set.
    DPF_RESULT = 0x0420, "dpf_result", Form::U8;
    /// Wish to set that flag.
    SET_DPF = 0x0421, "set_dpf", Form::U8;
    /// Whether the phone can be reached.
    MS_AVAILABILITY_STATUS = 0x0422, "ms_availability_status", Form::U8;
    /// The network's own error: kind of network, two octets of code.
    NETWORK_ERROR_CODE = 0x0423, "network_error_code", Form::Octets { min: 3, max: 3 };
    /// The text, where it is not in short_message. Personal data.
    MESSAGE_PAYLOAD = 0x0424, "message_payload", Form::Octets { min: 0, max: MAX_VALUE_LEN };
    /// Why a delivery failed.
    DELIVERY_FAILURE_REASON = 0x0425, "delivery_failure_reason", Form::U8;
    /// Whether more messages follow.
    MORE_MESSAGES_TO_SEND = 0x0426, "more_messages_to_send", Form::U8;
    /// What has become of a message.
    MESSAGE_STATE = 0x0427, "message_state", Form::U8;
    /// A step of a USSD conversation.
    USSD_SERVICE_OP = 0x0501, "ussd_service_op", Form::Octets { min: 1, max: 1 };
    /// How long it is shown.
    DISPLAY_TIME = 0x1201, "display_time", Form::U8;
    /// How the phone signals it.
    SMS_SIGNAL = 0x1203, "sms_signal", Form::U16;
    /// How long it is valid on the phone.
    MS_VALIDITY = 0x1204, "ms_validity", Form::U8;
    /// That an alert is wanted.
    ALERT_ON_MESSAGE_DELIVERY = 0x130c, "alert_on_message_delivery", Form::Empty;
    /// How a user may answer.
    ITS_REPLY_TYPE = 0x1380, "its_reply_type", Form::U8;
    /// Number and step of an interactive session.
    ITS_SESSION_INFO = 0x1383, "its_session_info", Form::Octets { min: 2, max: 2 };
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_version_3_4() {
        assert_eq!(Tag::ALL.len(), 44);
        assert!(Tag::ALL.is_sorted(), "each tag once, in order");
        assert!(Tag::ALL.iter().all(|tag| tag.name().is_some()));
        assert_eq!(Tag(0x1400).name(), None);
        assert_eq!(Tag(0x1400).form(), Form::Octets { min: 0, max: 0xffff });
    }
}
