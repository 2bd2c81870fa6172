//! What is different about receipts and uplinks.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// The longest status text, in octets.
const MAX_STAT: usize = 7;

/// What is different about a receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiptChange {
    /// When, or not at all.
    pub time: Option<ReceiptTime>,
    /// How long after the answer, with [`ReceiptTime::Later`].
    pub delay_ms: Option<u64>,
    /// Up to so much later still, by chance: receipts overtake each other.
    pub jitter_ms: Option<u64>,
    /// How often it is sent.
    pub copies: Option<u8>,
    /// The status text, at most seven octets. SGIP, which has none, says `State` 0 for `DELIVRD`, 1 for `ACCEPTD` and
    /// `ENROUTE`, 2 for all others.
    pub stat: Option<String>,
    /// The error beside it: SGIP's `ErrorCode`, `err:` of SMGP and SMPP.
    pub error: Option<u32>,
    /// What fills a status that is shorter than its field.
    pub padding: Option<Padding>,
    /// Its form.
    pub form: Option<ReceiptForm>,
    /// How it names the message.
    pub id: Option<ReceiptId>,
    /// Sent even to a message that did not ask for one.
    pub even_unasked: Option<bool>,
    /// What is broken about the PDU that carries it.
    pub damage: Option<Vec<Damage>>,
}

/// The receipt of an accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptPlan {
    /// When, or not at all.
    pub time: ReceiptTime,
    /// How long after the answer, with [`ReceiptTime::Later`].
    pub delay_ms: u64,
    /// Up to so much later still, by chance.
    pub jitter_ms: u64,
    /// How often it is sent.
    pub copies: u8,
    /// The status text, at most seven octets.
    pub stat: String,
    /// The error beside it.
    pub error: u32,
    /// What fills a status that is shorter than its field.
    pub padding: Padding,
    /// Its form.
    pub form: ReceiptForm,
    /// How it names the message.
    pub id: ReceiptId,
    /// Sent even to a message that did not ask for one.
    pub even_unasked: bool,
    /// What is broken about the PDU that carries it.
    pub damage: Vec<Damage>,
}

impl Default for ReceiptPlan {
    fn default() -> Self {
        Self {
            time: ReceiptTime::Later,
            delay_ms: 100,
            jitter_ms: 0,
            copies: 1,
            stat: "DELIVRD".to_owned(),
            error: 0,
            padding: Padding::OfProtocol,
            form: ReceiptForm::OfVersion,
            id: ReceiptId::OfProtocol,
            even_unasked: false,
            damage: Vec::new(),
        }
    }
}

/// When a receipt is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptTime {
    /// Before the answer that tells the id it refers to.
    Early,
    /// After the answer.
    #[default]
    Later,
    /// Not at all.
    Never,
}

/// The form of a receipt's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptForm {
    /// As the document has it: CMPP 60 octets in a 2.x session, 71 in a 3.0 session; SMGP 122 octets.
    #[default]
    OfVersion,
    /// CMPP 60 octets, SMGP 110 (without most of the text), SMPP the TLVs alone.
    Short,
    /// CMPP 71 octets, SMGP 122, SMPP the text with all its keys.
    Long,
    /// Keys spelled as some gateways spell them: `submit_date`, `done_date`, `txt`, other case (SMGP, SMPP).
    Odd,
}

/// What fills a status that is shorter than its field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// NUL in fields (CMPP), blanks in texts (SMGP), nothing (SMPP).
    #[default]
    OfProtocol,
    /// NUL octets.
    Nul,
    /// Blanks.
    Blank,
}

/// How a receipt names its message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptId {
    /// As the answer to the submit did, or for SMPP as the gateway is set up.
    #[default]
    OfProtocol,
    /// In ten decimal digits, where the answer had hexadecimal ones (SMPP).
    Decimal,
    /// With other letters' case and leading zeros (SMPP).
    Padded,
    /// An id that was never given.
    Unknown,
}

/// What is broken about a PDU that is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// A TLV whose tag nobody knows (SMGP, SMPP).
    UnknownTlv,
    /// A TLV that announces more octets than follow (SMGP, SMPP).
    CutTlv,
    /// The length of the content says one more than there is (`sm_length` off by one).
    ContentLengthMore,
    /// The length of the content says one less.
    ContentLengthLess,
    /// The PDU's length field says one more than there is.
    FrameLengthMore,
    /// The PDU's length field says one less than there is.
    FrameLengthLess,
    /// `TP_udhi` is the whole GSM octet, 0x40, where a header is (CMPP, SGIP, SMGP).
    Udhi64,
    /// The content has a header and nothing says so (SMGP: no `TP_udhi`).
    NoUdhi,
}

impl ReceiptPlan {
    pub(super) fn apply(&mut self, change: &ReceiptChange) {
        self.time = change.time.unwrap_or(self.time);
        self.delay_ms = change.delay_ms.unwrap_or(self.delay_ms);
        self.jitter_ms = change.jitter_ms.unwrap_or(self.jitter_ms);
        self.copies = change.copies.unwrap_or(self.copies);
        self.error = change.error.unwrap_or(self.error);
        self.padding = change.padding.unwrap_or(self.padding);
        self.form = change.form.unwrap_or(self.form);
        self.id = change.id.unwrap_or(self.id);
        self.even_unasked = change.even_unasked.unwrap_or(self.even_unasked);
        if let Some(stat) = &change.stat {
            self.stat.clone_from(stat);
        }
        if let Some(damage) = &change.damage {
            self.damage.clone_from(damage);
        }
    }

    /// Whether such a receipt can be.
    pub(in super::super) fn check(&self) -> Result<()> {
        ensure!(
            self.stat.len() <= MAX_STAT,
            "receipt: stat has at most {MAX_STAT} octets"
        );
        Ok(())
    }
}

impl ReceiptChange {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            self.stat.as_ref().is_none_or(|stat| stat.len() <= MAX_STAT),
            "stat has at most {MAX_STAT} octets"
        );
        ensure!(
            self.copies != Some(0),
            "copies must be at least 1; say \"time\": \"never\" for none"
        );
        Ok(())
    }
}
