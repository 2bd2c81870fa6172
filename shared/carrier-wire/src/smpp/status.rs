//! `command_status`: the result that every response carries.

use std::fmt;

/// A `command_status`. 0 in requests; 0x400 to 0x4FF belong to the vendor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Status(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $constant:ident = $id:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $constant: Self = Self($id);)*

            /// The name in the document without its `ESME_`; `None` for numbers that it does not define.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($id => Some(stringify!($constant)),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// No error.
    ROK = 0x00;
    /// The message's length is wrong.
    RINVMSGLEN = 0x01;
    /// The command's length is wrong.
    RINVCMDLEN = 0x02;
    /// The command is not known.
    RINVCMDID = 0x03;
    /// The command is not allowed in this state of the session.
    RINVBNDSTS = 0x04;
    /// The ESME is logged in already.
    RALYBND = 0x05;
    /// priority_flag is wrong.
    RINVPRTFLG = 0x06;
    /// registered_delivery is wrong.
    RINVREGDLVFLG = 0x07;
    /// The SMSC has failed.
    RSYSERR = 0x08;
    /// The source address is wrong.
    RINVSRCADR = 0x0a;
    /// The destination address is wrong.
    RINVDSTADR = 0x0b;
    /// There is no message with this id.
    RINVMSGID = 0x0c;
    /// The login failed.
    RBINDFAIL = 0x0d;
    /// The password is wrong.
    RINVPASWD = 0x0e;
    /// The system_id is wrong.
    RINVSYSID = 0x0f;
    /// The message could not be taken back.
    RCANCELFAIL = 0x11;
    /// The message could not be changed.
    RREPLACEFAIL = 0x13;
    /// The queue is full: slow down and repeat.
    RMSGQFUL = 0x14;
    /// service_type is wrong.
    RINVSERTYP = 0x15;
    /// The number of destinations is wrong.
    RINVNUMDESTS = 0x33;
    /// The name of the distribution list is wrong.
    RINVDLNAME = 0x34;
    /// dest_flag is wrong.
    RINVDESTFLAG = 0x40;
    /// replace_if_present_flag with this submit is wrong.
    RINVSUBREP = 0x42;
    /// esm_class is wrong.
    RINVESMCLASS = 0x43;
    /// Submitting to a distribution list failed.
    RCNTSUBDL = 0x44;
    /// Submitting failed.
    RSUBMITFAIL = 0x45;
    /// source_addr_ton is wrong.
    RINVSRCTON = 0x48;
    /// source_addr_npi is wrong.
    RINVSRCNPI = 0x49;
    /// dest_addr_ton is wrong.
    RINVDSTTON = 0x50;
    /// dest_addr_npi is wrong.
    RINVDSTNPI = 0x51;
    /// system_type is wrong.
    RINVSYSTYP = 0x53;
    /// replace_if_present_flag is wrong.
    RINVREPFLAG = 0x54;
    /// The number of messages is wrong.
    RINVNUMMSGS = 0x55;
    /// Too much in too little time: slow down and repeat.
    RTHROTTLED = 0x58;
    /// schedule_delivery_time is wrong.
    RINVSCHED = 0x61;
    /// validity_period is wrong.
    RINVEXPIRY = 0x62;
    /// sm_default_msg_id is wrong.
    RINVDFTMSGID = 0x63;
    /// The receiver cannot take it now: repeat.
    RX_T_APPN = 0x64;
    /// The receiver will never take it.
    RX_P_APPN = 0x65;
    /// The receiver refuses it.
    RX_R_APPN = 0x66;
    /// The query failed.
    RQUERYFAIL = 0x67;
    /// The optional parameters cannot be read.
    RINVOPTPARSTREAM = 0xc0;
    /// An optional parameter is not allowed.
    ROPTPARNOTALLWD = 0xc1;
    /// An optional parameter's length is wrong.
    RINVPARLEN = 0xc2;
    /// An optional parameter is missing.
    RMISSINGOPTPARAM = 0xc3;
    /// An optional parameter's value is wrong.
    RINVOPTPARAMVAL = 0xc4;
    /// The delivery failed (answer to data_sm).
    RDELIVERYFAILURE = 0xfe;
    /// Any other error.
    RUNKNOWNERR = 0xff;
}

impl Status {
    /// True for the one status that is no error.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{:#x} {name}", self.0),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_number_and_name() {
        assert_eq!(Status(0x58).to_string(), "0x58 RTHROTTLED");
        assert_eq!(Status(0x30).to_string(), "0x30");
        assert!(Status::ROK.is_ok() && !Status(0x400).is_ok());
    }
}
