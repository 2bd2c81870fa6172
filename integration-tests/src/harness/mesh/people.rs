//! People, cards and balances that exist nowhere but here.

use serde_json::json;

/// Somebody whom the simulated carriers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// As on the card.
    pub name: &'static str,
    /// With a right check digit.
    pub id_number: &'static str,
    /// National writing.
    pub phone: &'static str,
}

/// Everybody whom the simulated carriers know.
pub const PEOPLE: [Person; 3] = [
    Person {
        name: "欧阳鸿雁",
        id_number: "110101199003077715",
        phone: "13800138101",
    },
    Person {
        name: "司马长空",
        id_number: "330105198512124024",
        phone: "18600138102",
    },
    Person {
        name: "阿依古丽·买买提",
        id_number: "44030619780923613X",
        phone: "18900138103",
    },
];

/// Cards that the simulated business knows, with what is on them in yuan.
pub const BALANCES: [(&str, &str); 2] = [("6222020218880001", "1280.50"), ("6222020218880002", "36.00")];

/// A mobile number of China Mobile's that nobody of [`PEOPLE`] has; distinct for distinct `n` below 100,000,000.
pub fn number(n: u32) -> String {
    format!("139{n:08}")
}

/// The people as the identity upstream reads them.
pub(super) fn file() -> String {
    let people: Vec<_> = PEOPLE
        .iter()
        .map(|person| json!({"phone": person.phone, "name": person.name, "id_number": person.id_number}))
        .collect();
    json!({"people": people}).to_string()
}

/// What the business knows of each card, as its handler reads it: what the bureau's templates want.
pub(super) fn balances() -> String {
    let cards: serde_json::Map<String, serde_json::Value> = BALANCES
        .iter()
        .map(|(card, balance)| {
            let known = json!({
                "balance": balance,
                "as_of": "11月21日",
                "month": "10月",
                "total": "86.20",
                "from_account": "51.70",
            });
            ((*card).to_owned(), known)
        })
        .collect();
    // JSON is YAML.
    json!({"cards": cards}).to_string()
}
