//! Status reports: the body that a `DELIVER` with `Registered_Delivery` 1 carries.

use bytes::{BufMut, Bytes, BytesMut};

use super::MsgId;
use crate::field::{Content, FieldError, FixedStr, Reader, TerminalId};

/// The two forms of a report's body. Which one it is tells its length, not the session's version: 3.0 sessions
/// that carry the short form are met in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportForm {
    /// 60 octets, with a number field of 21, as 2.0 defines it.
    Short,
    /// 71 octets, with a number field of 32, as 3.0 defines it.
    Long,
}

impl ReportForm {
    /// Octets of the body.
    pub const fn body_len(self) -> usize {
        match self {
            Self::Short => 60,
            Self::Long => 71,
        }
    }

    const fn terminal_len(self) -> usize {
        match self {
            Self::Short => 21,
            Self::Long => 32,
        }
    }
}

/// What became of a message. Texts are kept as they came: gateways pad them oddly and invent codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The form it came in.
    pub form: ReportForm,
    /// The id that the `SUBMIT_RESP` gave to the message.
    pub msg_id: MsgId,
    /// `DELIVRD`, `EXPIRED`, `MA:0001` and others, see [`Report::stat_text`].
    pub stat: FixedStr<7>,
    /// YYMMDDHHMM; may be a dummy.
    pub submit_time: FixedStr<10>,
    /// YYMMDDHHMM; may be a dummy.
    pub done_time: FixedStr<10>,
    /// The recipient. Personal data.
    pub dest_terminal_id: TerminalId,
    /// The SMSC's own number of the report.
    pub smsc_sequence: u32,
}

impl Report {
    /// Reads a report's body. Garbage inside the fields is no error: only the length decides.
    ///
    /// # Errors
    ///
    /// [`FieldError`] when the body has neither 60 nor 71 octets.
    pub fn decode(body: &[u8]) -> Result<Self, FieldError> {
        let form = match body.len() {
            60 => ReportForm::Short,
            71 => ReportForm::Long,
            _ => {
                return Err(FieldError::OutOfBounds {
                    field: "Msg_Length",
                    offset: 0,
                    why: "a status report has 60 or 71 octets",
                });
            }
        };
        let mut reader = Reader::new(body);
        Ok(Self {
            form,
            msg_id: MsgId(reader.u64("Msg_Id")?),
            stat: reader.fixed("Stat")?,
            submit_time: reader.fixed("Submit_time")?,
            done_time: reader.fixed("Done_time")?,
            dest_terminal_id: TerminalId::from_wire(reader.widened("Dest_terminal_Id", form.terminal_len())?),
            smsc_sequence: reader.u32("SMSC_sequence")?,
        })
    }

    /// The body for a `DELIVER`. A number longer than the form's field is cut.
    pub fn encode(&self) -> Content {
        let mut body = BytesMut::with_capacity(self.form.body_len());
        body.put_u64(self.msg_id.0);
        body.put_slice(self.stat.wire());
        body.put_slice(self.submit_time.wire());
        body.put_slice(self.done_time.wire());
        let terminal_len = self.form.terminal_len();
        body.extend(self.dest_terminal_id.wire().iter().take(terminal_len));
        body.put_u32(self.smsc_sequence);
        Content::new(Bytes::from(body))
    }

    /// The status without padding: NUL and blanks at either end are dropped, other octets that are no printable
    /// ASCII become `?`, so that it can be compared, stored and shown.
    pub fn stat_text(&self) -> String {
        self.stat
            .wire()
            .iter()
            .map(|octet| {
                if octet.is_ascii_graphic() {
                    char::from(*octet)
                } else {
                    padding_or_unknown(*octet)
                }
            })
            .collect::<String>()
            .trim()
            .to_owned()
    }
}

const fn padding_or_unknown(octet: u8) -> char {
    if octet == 0 || octet == b' ' { ' ' } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(form: ReportForm) -> Report {
        Report {
            form,
            msg_id: MsgId(0xb4c5_5300_0001_0000),
            stat: FixedStr::new("DELIVRD").unwrap(),
            submit_time: FixedStr::new("1511120955").unwrap(),
            done_time: FixedStr::new("1511120957").unwrap(),
            dest_terminal_id: TerminalId::new("13412340000").unwrap(),
            smsc_sequence: 0x1234_5678,
        }
    }

    #[test]
    fn both_forms_round_trip() {
        for form in [ReportForm::Short, ReportForm::Long] {
            let body = report(form).encode();
            assert_eq!(body.len(), form.body_len());
            assert_eq!(Report::decode(body.as_slice()), Ok(report(form)));
        }
    }

    #[test]
    fn any_other_length_is_no_report() {
        for len in (0..=255).filter(|len| ![60, 71].contains(len)) {
            assert!(Report::decode(&vec![0; len]).is_err(), "{len} octets");
        }
    }

    #[test]
    fn garbage_in_the_fields_survives() {
        let garbage = [0xffu8; 60];
        let read = Report::decode(&garbage).unwrap();
        assert_eq!(read.encode().as_slice(), garbage);
        assert_eq!(read.stat_text(), "???????");
    }

    #[test]
    fn stat_text_drops_padding_only() {
        let with = |stat: [u8; 7]| {
            Report {
                stat: FixedStr::from_wire(stat),
                ..report(ReportForm::Short)
            }
            .stat_text()
        };
        assert_eq!(with(*b"AF:4\0\0\0"), "AF:4");
        assert_eq!(with(*b"AF:4   "), "AF:4");
        assert_eq!(with(*b"\0\0MA:01"), "MA:01");
        assert_eq!(with(*b"DELIVRD"), "DELIVRD");
        assert_eq!(with(*b"M\xc9:0001"), "M?:0001");
        assert_eq!(with([0; 7]), "");
    }
}
