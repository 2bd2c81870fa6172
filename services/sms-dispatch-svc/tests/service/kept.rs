//! What is kept of a person.

use hongyan_proto::dispatch::v1::SetOptOutRequest;

use crate::house::{House, ROUTER, SHEBAO, code, notice};

fn holds(octets: &[u8], needle: &str) -> bool {
    octets
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn no_number_and_no_text_is_ever_on_disk_in_clear() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    client.send_message(code("r-1", "13800138000")).await.unwrap();
    client.send_message(notice("r-2", "13800138000")).await.unwrap();
    client.send_message(code("r-3", "13800138000")).await.unwrap_err();
    let opt_out = SetOptOutRequest {
        tenant: "shebao".into(),
        phone: "13800138000".into(),
        opted_out: true,
    };
    house.client(ROUTER).await.set_opt_out(opt_out).await.unwrap();
    let disk = house.server.disk();
    assert!(
        holds(&disk, "r-1") && holds(&disk, "MESSAGE_ACCEPTED"),
        "the search sees what is written"
    );
    for personal in ["13800138000", "验证码", "271828"] {
        assert!(!holds(&disk, personal), "{personal}");
    }
    house.close().await;
}
