//! Command ids.

/// The bit that makes a command a response.
pub(crate) const RESPONSE_BIT: u32 = 0x8000_0000;

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal;)*) => {
        /// The command of a PDU that this crate reads. Others stay numbers, see [`super::Pdu::Unknown`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Command {
            $($(#[$doc])* $variant = $id,)*
        }

        impl Command {
            /// Every command that this crate reads: all of version 3.4.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The command with this id.
            pub const fn of_id(id: u32) -> Option<Self> {
                match id {
                    $($id => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name in the document.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

commands! {
    /// Login of an ESME that only receives.
    BindReceiver = 0x0000_0001, "bind_receiver";
    /// Its answer.
    BindReceiverResp = 0x8000_0001, "bind_receiver_resp";
    /// Login of an ESME that only sends.
    BindTransmitter = 0x0000_0002, "bind_transmitter";
    /// Its answer.
    BindTransmitterResp = 0x8000_0002, "bind_transmitter_resp";
    /// Question for the state of a message.
    QuerySm = 0x0000_0003, "query_sm";
    /// The state.
    QuerySmResp = 0x8000_0003, "query_sm_resp";
    /// A message towards a phone.
    SubmitSm = 0x0000_0004, "submit_sm";
    /// Its acceptance or refusal.
    SubmitSmResp = 0x8000_0004, "submit_sm_resp";
    /// A message from a phone, or a receipt.
    DeliverSm = 0x0000_0005, "deliver_sm";
    /// Its acceptance or refusal.
    DeliverSmResp = 0x8000_0005, "deliver_sm_resp";
    /// End of the session.
    Unbind = 0x0000_0006, "unbind";
    /// Its answer.
    UnbindResp = 0x8000_0006, "unbind_resp";
    /// Wish to change a message that waits.
    ReplaceSm = 0x0000_0007, "replace_sm";
    /// Whether it was changed.
    ReplaceSmResp = 0x8000_0007, "replace_sm_resp";
    /// Wish to take a message back.
    CancelSm = 0x0000_0008, "cancel_sm";
    /// Whether it was taken back.
    CancelSmResp = 0x8000_0008, "cancel_sm_resp";
    /// Login of an ESME that sends and receives.
    BindTransceiver = 0x0000_0009, "bind_transceiver";
    /// Its answer.
    BindTransceiverResp = 0x8000_0009, "bind_transceiver_resp";
    /// The SMSC's wish that the ESME logs in. Has no answer but the login.
    Outbind = 0x0000_000b, "outbind";
    /// Keep-alive.
    EnquireLink = 0x0000_0015, "enquire_link";
    /// Its answer.
    EnquireLinkResp = 0x8000_0015, "enquire_link_resp";
    /// A message towards several phones or lists.
    SubmitMulti = 0x0000_0021, "submit_multi";
    /// Its acceptance, with those recipients that were refused.
    SubmitMultiResp = 0x8000_0021, "submit_multi_resp";
    /// Tells that a phone can be reached. Has no answer.
    AlertNotification = 0x0000_0102, "alert_notification";
    /// A message in either direction, the text in a parameter.
    DataSm = 0x0000_0103, "data_sm";
    /// Its acceptance or refusal.
    DataSmResp = 0x8000_0103, "data_sm_resp";
    /// Answer to what could not be read at all.
    GenericNack = 0x8000_0000, "generic_nack";
}

impl Command {
    /// The id on the wire.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// True for the answer to a request.
    pub const fn is_response(self) -> bool {
        self.id() & RESPONSE_BIT != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_but_two_has_its_answer() {
        for command in Command::ALL {
            assert_eq!(Command::of_id(command.id()), Some(*command));
            let answer = Command::of_id(command.id() | RESPONSE_BIT);
            let alone = matches!(command, Command::Outbind | Command::AlertNotification);
            assert_eq!(answer.is_none(), alone, "{}", command.name());
            if let Some(answer) = answer.filter(|_| !command.is_response()) {
                assert_eq!(answer.name(), format!("{}_resp", command.name()));
            }
        }
        assert_eq!(Command::of_id(0x10a), None);
    }
}
