use super::*;

/// A body put together from pieces, ids in binary.
fn body(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

const ID: &[u8] = &[0x01, 0x00, 0x61, 0x01, 0x16, 0x17, 0x00, 0x01, 0x23, 0x45];

fn report() -> Report {
    Report {
        msg_id: MsgId([0x01, 0x00, 0x61, 0x01, 0x16, 0x17, 0x00, 0x01, 0x23, 0x45]),
        sub: FixedStr::new("001").unwrap(),
        dlvrd: FixedStr::new("001").unwrap(),
        submit_date: FixedStr::new("2601161700").unwrap(),
        done_date: FixedStr::new("2601161701").unwrap(),
        stat: FixedStr::new("DELIVRD").unwrap(),
        err: FixedStr::new("000").unwrap(),
        text: ReportText::new(FixedStr::new("002OK").unwrap()),
    }
}

#[test]
fn the_documents_form_round_trips() {
    let encoded = report().encode();
    assert_eq!(encoded.len(), Report::BODY_LEN);
    assert_eq!(Report::decode(encoded.as_slice()), Ok(report()));
}

#[test]
fn a_body_of_the_field_with_underscores_and_110_octets() {
    let seen = hex::decode(
        "69643a6495c36ac4ea6b00000b7375623a30303120646c7672643a303031207375626d69745f646174653a31383037303532\
         32303720646f6e655f646174653a3138303730353232303720737461743a44454c49565244206572723a303030207478743a\
         d6d0b9fa306138616535",
    )
    .unwrap();
    let read = Report::decode(&seen).unwrap();
    assert_eq!(read.msg_id.to_string(), "6495c36ac4ea6b00000b");
    assert_eq!(
        (read.sub.as_bytes(), read.dlvrd.as_bytes()),
        (&b"001"[..], &b"001"[..])
    );
    assert_eq!(read.submit_date.as_str(), Some("1807052207"));
    assert_eq!(read.done_date.as_str(), Some("1807052207"));
    assert_eq!(
        (read.stat_text(), read.err_text()),
        ("DELIVRD".into(), "000".into())
    );
}

#[test]
fn spellings_separators_and_case_do_not_matter() {
    let tails: [&[u8]; 5] = [
        b"sub:001dlvrd:001submit_date:2601161700done_date:2601161701stat:DELIVRDerr:000txt:002OK",
        b"ssub:001sdlvrd:001ssubmit date:2601161700sdone date:2601161701sstat:DELIVRDserr:000stext:002OK",
        b" SUB:001 DLVRD:001 SUBMIT DATE:2601161700 DONE DATE:2601161701 STAT:DELIVRD ERR:000 TEXT:002OK",
        b" Sub:001 Dlvrd:001 SubmitDate:2601161700 DoneDate:2601161701 Stat:DELIVRD Err:000 Txt:002OK",
        b" err:000 stat:DELIVRD done date:2601161701 submit date:2601161700 dlvrd:001 sub:001 text:002OK",
    ];
    for tail in tails {
        let read = Report::decode(&body(&[b"id:", ID, tail]));
        assert_eq!(read, Ok(report()), "{}", tail.escape_ascii());
    }
}

#[test]
fn the_id_is_never_taken_for_text() {
    // Blanks, NUL, octets of other codings and even a key's letters.
    for id in [
        b" stat:ABC\0",
        b"sub:001err",
        b"id:id:id:i",
        &[0x20; 10],
        &[0; 10],
        &[0xff; 10],
    ] {
        let mut told = report();
        told.msg_id = MsgId(*id);
        let encoded = told.encode();
        assert_eq!(
            Report::decode(encoded.as_slice()),
            Ok(told),
            "{}",
            id.escape_ascii()
        );
    }
}

#[test]
fn a_short_status_ends_at_the_next_key() {
    let read = |stat: &[u8]| {
        let octets = body(&[b"id:", ID, b" sub:001 stat:", stat, b" err:012 text:"]);
        let read = Report::decode(&octets).unwrap();
        (read.stat_text(), read.err_text())
    };
    assert_eq!(read(b"AF:4"), ("AF:4".into(), "012".into()));
    assert_eq!(read(b"AF:4\0\0\0"), ("AF:4".into(), "012".into()));
    assert_eq!(read(b"MA:0001"), ("MA:0001".into(), "012".into()));
    assert_eq!(read(b"M\xc9:0001"), ("M?:0001".into(), "012".into()));
    assert_eq!(read(b""), (String::new(), "012".into()));
}

#[test]
fn a_text_that_looks_like_keys_changes_nothing() {
    let octets = body(&[b"id:", ID, b" stat:UNDELIV text:021stat:DELIVRD err:000"]);
    let read = Report::decode(&octets).unwrap();
    assert_eq!(read.stat_text(), "UNDELIV");
    assert!(read.err.is_empty());
}

#[test]
fn missing_fields_are_empty_and_extra_padding_is_ignored() {
    let octets = body(&[b"ID:", ID, b" stat:EXPIRED", &[0; 60]]);
    let read = Report::decode(&octets).unwrap();
    assert_eq!(read.stat_text(), "EXPIRED");
    assert!(read.sub.is_empty() && read.submit_date.is_empty() && read.err.is_empty());
}

#[test]
fn without_an_id_or_a_status_it_is_no_report() {
    let whole = report().encode();
    assert!(Report::decode(b"").is_err());
    assert!(Report::decode(b"hello, this is no report").is_err());
    assert!(matches!(
        Report::decode(&whole.as_slice()[..9]),
        Err(FieldError::Truncated {
            field: "id",
            offset: 3,
            wanted: 10,
            had: 6
        })
    ));
    assert!(matches!(
        Report::decode(&whole.as_slice()[..40]),
        Err(FieldError::OutOfBounds { field: "stat", .. })
    ));
}

#[test]
fn debug_tells_no_text() {
    let shown = format!("{:?}", report());
    assert!(
        shown.contains("<5 octets>") && !shown.contains("002OK"),
        "{shown}"
    );
}
