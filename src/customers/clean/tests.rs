use super::*;

fn some<T>(value: &str) -> Result<Option<String>, T> {
    Ok(Some(value.to_string()))
}

#[test]
fn empty_is_missing_everywhere() {
    for empty in ["", "  ", "\u{a0}\t"] {
        assert_eq!(text(empty, 10), Ok(None));
        assert_eq!(email(empty), Ok(None));
        assert_eq!(phone(empty, None), Ok(None));
        assert_eq!(external_id(empty), Ok(None));
        assert_eq!(country(empty), Ok(None));
        assert_eq!(language(empty), Ok(None));
        assert_eq!(time(empty, Tz::UTC), Ok(None));
        assert_eq!(consent(empty), Ok(None));
    }
}

#[test]
fn text_is_one_line_that_both_databases_keep() {
    assert_eq!(text("  Zoe\u{308} ", 10), some("Zoë"));
    assert!(text("a\0b", 10).is_err());
    assert!(text("a\nb", 10).unwrap_err().contains("one line"));
    assert_eq!(text("ééééé", 5), some("ééééé"));
    assert_eq!(text("123456", 5).unwrap_err(), "6 characters are too many; 5 fit.");
}

#[test]
fn an_email_address_needs_a_domain_with_a_dot() {
    assert_eq!(email(" Ana.Maria+x@Example.COM "), some("ana.maria+x@example.com"));
    assert_eq!(email("jürgen@müller.de"), some("jürgen@müller.de"));
    for wrong in ["ana", "@example.com", "a@b", "a@b.", "a@.b", "a@[127.0.0.1]", "a b@example.com", "Ana <a@b.de>"] {
        assert!(email(wrong).is_err(), "{wrong}");
    }
    for wrong in ["a@b@c.de", "a@b..de", "a@-b.de", "\"a b\"@c.de", "a,b@c.de", "a@b.de;c@d.de"] {
        assert!(email(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_phone_number_needs_a_possible_length() {
    assert_eq!(phone("+46 70-123 45 67", None), some("+46701234567"));
    assert_eq!(phone("0046701234567", None), some("+46701234567"));
    assert_eq!(phone("(0)70 123 45 67", Some("SE")), some("+46701234567"));
    assert_eq!(phone("212 791 9773", Some("US")), some("+12127919773"));
    assert_eq!(phone("+5511912345678", Some("DE")), some("+5511912345678"));
    // Italian numbers keep their leading zero.
    assert_eq!(phone("+39 06 698 12345", None), some("+390669812345"));
    assert!(phone("070 123 45 67", None).unwrap_err().contains("country code"));
    assert!(phone("+49", None).is_err());
    assert!(phone("+1 212", None).is_err());
    assert!(phone("+46701234567890123", None).is_err());
    assert!(phone("+999123456789", None).is_err());
    assert!(phone("call me", None).is_err());
    assert!(phone("+46+701234567", None).is_err());
    assert!(phone("+4670123456 ext 5", None).is_err());
}

#[test]
fn what_a_spreadsheet_shortened_is_refused() {
    for number in ["5.51E+12", "5,51e+12", "+5.5E+12", "5E+12"] {
        assert_eq!(phone(number, Some("BR")), Err(SHORTENED.into()), "{number}");
        assert_eq!(external_id(number), Err(SHORTENED.into()), "{number}");
    }
    assert_eq!(external_id("12E5"), some("12E5"));
    assert_eq!(external_id("E+12"), some("E+12"));
}

#[test]
fn countries_go_by_code_or_name() {
    assert_eq!(country("se"), some("SE"));
    assert_eq!(country(" SWEDEN "), some("SE"));
    assert_eq!(country("swe"), some("SE"));
    assert_eq!(country("UK"), some("GB"));
    assert_eq!(country("United States"), some("US"));
    assert_eq!(country("cote d'ivoire"), some("CI"));
    assert!(country("Atlantis").unwrap_err().contains("Atlantis"));
    assert_eq!(country_name("SE"), "Sweden");
    assert_eq!(country_name("??"), "??");
    for (word, code) in SAID {
        assert_eq!(fold(word), *word);
        assert!(rust_iso3166::from_alpha2(code).is_some(), "{code}");
    }
}

#[test]
fn languages_go_by_code_or_name() {
    assert_eq!(language("SV"), some("sv"));
    assert_eq!(language("swedish"), some("sv"));
    assert_eq!(language("deu"), some("de"));
    assert_eq!(language("norwegian bokmål"), some("nb"));
    assert_eq!(language("pt_br"), some("pt-BR"));
    assert!(language("Klingonese").is_err());
    assert!(language("xx").is_err());
    assert_eq!(language_name("sv"), "Swedish");
    assert_eq!(language_name("pt-BR"), "Portuguese (Brazil)");
    assert_eq!(language_name("el"), "Modern Greek");
}

#[test]
fn a_date_alone_is_local_midnight() {
    let at = |typed: &str, zone: Tz| time(typed, zone).unwrap().unwrap().to_string();
    assert_eq!(at("2026-09-07", chrono_tz::America::Sao_Paulo), "2026-09-07 03:00:00");
    assert_eq!(at("2026-09-07T14:30:00+02:00", Tz::UTC), "2026-09-07 12:30:00");
    assert_eq!(at("2025-10-19T21:51:46Z", Tz::UTC), "2025-10-19 21:51:46");
    // Clocks jumped from 00:00 to 01:00 that night.
    assert_eq!(at("2018-11-04", chrono_tz::America::Sao_Paulo), "2018-11-04 03:00:00");
    for wrong in ["07.09.2026", "2026-13-01", "2026-9-7", "yesterday", "2026-02-30", "0000-01-01"] {
        assert!(time(wrong, Tz::UTC).is_err(), "{wrong}");
    }
}

#[test]
fn consent_is_said_in_several_words() {
    for yes in ["true", "Yes", "1", "opted in", "opted_in"] {
        assert_eq!(consent(yes), Ok(Some(Consent::OptedIn)), "{yes}");
    }
    for no in ["FALSE", "no", "0", " opted out "] {
        assert_eq!(consent(no), Ok(Some(Consent::OptedOut)), "{no}");
    }
    assert_eq!(consent("unknown"), Ok(Some(Consent::Unknown)));
    assert!(consent("maybe").is_err());
}

#[test]
fn a_real_shops_customers_are_all_accepted() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/customers-2k.csv");
    let mut reader = csv::Reader::from_path(file).expect("the customers of a shop");
    let headers = reader.headers().expect("headers").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("a column");
    let mut phones = 0;
    for line in reader.records() {
        let line = line.expect("a line");
        let cell = |name: &str| &line[column(name)];
        let kept = |name: &str, cleaned: Result<Option<String>, String>| {
            let typed = Some(cell(name).to_string()).filter(|cell| !cell.is_empty());
            assert_eq!(cleaned, Ok(typed), "{name}");
        };
        kept("phone", phone(cell("phone"), None));
        kept("email", email(cell("email")));
        kept("country", country(cell("country")));
        kept("city", text(cell("city"), CITY));
        kept("language", language(cell("language")));
        kept("name", text(cell("name"), NAME));
        kept("external_id", external_id(cell("external_id")));
        assert!(time(cell("created_at"), Tz::UTC).is_ok() && time(cell("last_seen"), Tz::UTC).is_ok());
        assert!(consent(cell("email_opt_in")).is_ok() && consent(cell("sms_opt_in")).is_ok());
        phones += usize::from(!cell("phone").is_empty());
    }
    assert_eq!(phones, 1370);
}
