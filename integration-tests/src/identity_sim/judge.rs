//! What is true about a question.

use std::collections::HashMap;

use hongyan_domain::{Carrier, Msisdn};
use serde::{Deserialize, Serialize};

use super::people::Person;

/// As it comes over the wire.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Question {
    #[serde(default)]
    pub(super) request_id: String,
    pub(super) phone: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) id_number: Option<String>,
}

/// As it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    pub(super) code: String,
    pub(super) charged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) carrier: Option<Carrier>,
}

pub(super) fn judge(question: &Question, people: &HashMap<Msisdn, Person>) -> Answer {
    let answer = |code: &str, charged, carrier| Answer {
        code: code.to_owned(),
        charged,
        carrier,
    };
    let number = Msisdn::parse(&question.phone).ok();
    let Some(number) = number.filter(|_| question.name.is_some() || question.id_number.is_some()) else {
        return answer("91", false, None);
    };
    let Some(person) = people.get(&number) else {
        return answer("5", false, None);
    };
    let differs = |given: &Option<String>, known: &str| given.as_ref().is_some_and(|given| given != known);
    let code = match (
        differs(&question.name, &person.name),
        differs(&question.id_number, &person.id_number),
    ) {
        (false, false) => "0",
        (true, false) => "2",
        (false, true) => "3",
        (true, true) => "4",
    };
    answer(code, true, person.carrier.or_else(|| Carrier::of_prefix(&number)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hongyan_domain::{Carrier, Msisdn};

    use super::{Question, judge};
    use crate::identity_sim::Person;

    #[test]
    fn each_question_has_its_code() {
        let zhang = Person {
            phone: "13800138000".into(),
            name: "张三".into(),
            id_number: "11010519491231002X".into(),
            carrier: Some(Carrier::ChinaUnicom),
        };
        let people = HashMap::from([(Msisdn::parse(&zhang.phone).unwrap(), zhang)]);
        let code = |phone: &str, name: Option<&str>, id_number: Option<&str>| {
            let question = Question {
                request_id: String::new(),
                phone: phone.into(),
                name: name.map(str::to_owned),
                id_number: id_number.map(str::to_owned),
            };
            let answer = judge(&question, &people);
            (answer.code, answer.charged, answer.carrier)
        };
        let of_unicom = |code: &str| (code.to_owned(), true, Some(Carrier::ChinaUnicom));
        let free = |code: &str| (code.to_owned(), false, None);
        let (right_id, wrong_id) = (Some("11010519491231002X"), Some("440524188001010014"));
        assert_eq!(code("13800138000", Some("张三"), right_id), of_unicom("0"));
        assert_eq!(code("13800138000", Some("张三"), None), of_unicom("0"));
        assert_eq!(code("13800138000", Some("李四"), right_id), of_unicom("2"));
        assert_eq!(code("13800138000", None, wrong_id), of_unicom("3"));
        assert_eq!(code("13800138000", Some("李四"), wrong_id), of_unicom("4"));
        assert_eq!(code("13800138001", Some("张三"), None), free("5"));
        assert_eq!(code("13800138000", None, None), free("91"));
        assert_eq!(code("110", Some("张三"), None), free("91"));
    }
}
