use bytes::Bytes;

use super::*;

fn read(text: &str) -> Receipt {
    Receipt::read(text.as_bytes(), false, &Tlvs::new())
}

fn id(receipt: &Receipt) -> Option<String> {
    receipt.text_id.map(|id| id.to_text().into_owned())
}

const TYPICAL: &str = "id:0059113978 sub:001 dlvrd:001 submit date:1002101730 done date:1002101731 stat:DELIVRD err:000 text:@$!!%&/:";

#[test]
fn reads_the_typical_text() {
    let receipt = read(TYPICAL);
    assert_eq!(id(&receipt).as_deref(), Some("0059113978"));
    assert_eq!(receipt.submit_date.as_bytes(), b"1002101730");
    assert_eq!(receipt.done_date.as_bytes(), b"1002101731");
    assert_eq!(receipt.error.as_bytes(), b"000");
    assert_eq!(receipt.state(), Some(MessageState::Delivered));
    assert_eq!(receipt.stat(), "DELIVRD");
}

#[test]
fn reads_what_vendors_make_of_it() {
    let texts = [
        // Another case, underscores, words together.
        "ID:0059113978 SUB:001 DLVRD:001 SUBMIT_DATE:1002101730 DONE_DATE:1002101731 STAT:delivrd ERR:000 Text:",
        "id:0059113978 sub:001 dlvrd:001 submitdate:1002101730 donedate:1002101731 status:DELIVERED error:000 txt:a",
        // Another order, blanks after the colon, other separators, no text.
        "stat: DELIVRD, err: 000, id: 0059113978, done date: 1002101731, submit date: 1002101730",
        "id:0059113978\nstat:DELIVRD\nerr:000\nsubmit date:1002101730\ndone date:1002101731\n",
        // A word in front.
        "receipt id:0059113978 submit-date:1002101730 done-date:1002101731 stat:DELIVRD err:000",
    ];
    for text in texts {
        let receipt = read(text);
        assert_eq!(id(&receipt).as_deref(), Some("0059113978"), "{text}");
        assert_eq!(receipt.submit_date.as_bytes(), b"1002101730", "{text}");
        assert_eq!(receipt.done_date.as_bytes(), b"1002101731", "{text}");
        assert_eq!(receipt.stat(), "DELIVRD", "{text}");
        assert_eq!(receipt.error.as_bytes(), b"000", "{text}");
    }
}

#[test]
fn empty_values_do_not_take_the_next_field() {
    let receipt = read("id: sub: dlvrd: submit date: done date: stat:UNDELIV err: text:id:7");
    assert_eq!(id(&receipt), None, "what the text quotes is no field");
    assert!(receipt.error.is_empty() && receipt.done_date.is_empty());
    assert_eq!(receipt.state(), Some(MessageState::Undeliverable));
}

#[test]
fn of_a_field_that_comes_twice_the_first_counts() {
    assert_eq!(
        id(&read("id:1 stat:DELIVRD id:2 stat:EXPIRED")).as_deref(),
        Some("1")
    );
}

#[test]
fn unknown_states_stay_as_they_are() {
    let receipt = read("id:1 stat:MA:0001 err:69");
    assert_eq!((receipt.state(), receipt.stat().as_str()), (None, "MA:0001"));
    let receipt = Receipt::read(b"id:1 stat:M\xc9:01", false, &Tlvs::new());
    assert_eq!(receipt.stat(), "M?:01");
    assert_eq!(read("").stat(), "");
}

#[test]
fn parameters_count_before_the_text() {
    let tlvs = Tlvs::from_wire(Bytes::from(
        hex::decode("001e00083338363031666100042700010504230003030123").unwrap(),
    ));
    let receipt = Receipt::read(TYPICAL.as_bytes(), false, &tlvs);
    assert_eq!(receipt.receipted_id.unwrap().as_bytes(), b"38601fa");
    assert_eq!(receipt.state(), Some(MessageState::Undeliverable));
    assert_eq!(receipt.stat(), "UNDELIV");
    let network_error = NetworkError {
        network: 3,
        code: 0x123,
    };
    assert_eq!(receipt.network_error, Some(network_error));
    // They are enough by themselves.
    let receipt = Receipt::read(b"", false, &tlvs);
    assert_eq!((receipt.text_id, receipt.stat().as_str()), (None, "UNDELIV"));
}

#[test]
fn parameters_of_a_wrong_length_are_left_to_the_text() {
    let tlvs = Tlvs::from_wire(Bytes::from(
        hex::decode("001e0000042700020002042300020301").unwrap(),
    ));
    let receipt = Receipt::read(TYPICAL.as_bytes(), false, &tlvs);
    assert_eq!((receipt.receipted_id, receipt.network_error), (None, None));
    assert_eq!(receipt.state(), Some(MessageState::Delivered));
}

#[test]
fn ucs2_and_user_data_headers_are_seen_through() {
    let wide: Vec<u8> = TYPICAL.bytes().flat_map(|octet| [0, octet]).collect();
    assert_eq!(Receipt::read(&wide, false, &Tlvs::new()), read(TYPICAL));
    let headed = [&[5, 0, 3, 1, 1, 1][..], TYPICAL.as_bytes()].concat();
    assert_eq!(Receipt::read(&headed, true, &Tlvs::new()), read(TYPICAL));
}

#[test]
fn values_beyond_all_bounds_are_cut_or_left_out() {
    let receipt = read(&format!("id:{} stat:{}", "7".repeat(65), "X".repeat(100)));
    assert_eq!(receipt.text_id, None);
    assert_eq!(receipt.stat().len(), 23);
}

#[test]
fn writes_what_it_reads() {
    let receipt = Receipt {
        receipted_id: Some(CText::new("38601fa").unwrap()),
        message_state: Some(MessageState::Delivered),
        network_error: Some(NetworkError { network: 3, code: 0 }),
        ..read(TYPICAL)
    };
    let text = receipt.to_text(b"@$!!%&/:");
    assert_eq!(text.as_slice(), TYPICAL.as_bytes());
    let tlvs = receipt.to_tlvs().unwrap();
    assert_eq!(Receipt::read(text.as_slice(), false, &tlvs), receipt);
}
