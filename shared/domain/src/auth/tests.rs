use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ids::Tenant;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const LATER: Timestamp = Timestamp::from_millis(1_796_080_500_001);
const BYTES: KeyBytes = KeyBytes { id: *b"0123456789", secret: *b"0123456789abcdefghijklmnopqrstuv" };
const TEXT: &str = "fk_gaytemzugu3doobz_gaytemzugu3doobzmfrggzdfmztwq2lknnwg23tpobyxe43uov3a";

#[test]
fn bytes_in_base32_are_as_the_standard_has_them() {
    for (bytes, expected) in
        [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("foobar", "mzxw6ytboi")]
    {
        assert_eq!(base32(bytes.as_bytes()), expected, "{bytes:?}");
    }
    assert_eq!(base32(&[255; 32]), format!("{}q", "7".repeat(51)));
}

#[test]
fn a_key_is_read_back_from_its_text() {
    let made = ApiKeyText::of(&BYTES);
    assert_eq!(made.expose(), TEXT);
    let read = ApiKeyText::parse(TEXT).unwrap();
    assert_eq!((read.expose(), read.id()), (TEXT, made.id()));
    assert_eq!(ApiKeyId::parse("gaytemzugu3doobz").as_ref(), Ok(read.id()));
}

#[test]
fn what_has_another_shape_is_no_key_and_is_not_quoted() {
    let (head, secret) = TEXT.split_at(20);
    for bad in [
        "",
        "fk_",
        "fk__",
        secret,
        head,
        &TEXT.to_uppercase(),
        &TEXT[..TEXT.len() - 1],
        &format!("{TEXT}a"),
        &format!("{TEXT}_"),
        &format!(" {TEXT}"),
        &format!("{TEXT}\n"),
        &TEXT.replace("fk_", "sk_"),
        &TEXT.replace("fk_", "FK_"),
        &TEXT.replace('g', "1"),
        &TEXT.replace('a', "а"),
        &TEXT.replace('_', "-"),
        &format!("fk_{}_{secret}", "a".repeat(17)),
        &"é".repeat(36),
        "fk_\0",
    ] {
        let error = ApiKeyText::parse(bad).expect_err(bad);
        assert!(!format!("{error} {error:?}").contains("gaytem"), "{error}");
    }
    assert!(ApiKeyId::parse(TEXT).is_err());
}

#[test]
fn a_key_comes_as_a_bearer() {
    for good in [format!("Bearer {TEXT}"), format!("bearer {TEXT}"), format!("BEARER {TEXT}")] {
        assert!(ApiKeyText::parse_authorization(&good).is_ok(), "{good}");
    }
    for bad in [
        TEXT.to_owned(),
        format!("Basic {TEXT}"),
        format!("Bearer  {TEXT}"),
        format!("Bearer\t{TEXT}"),
        format!("Bearer {TEXT} "),
        format!("Bearer {TEXT},Bearer {TEXT}"),
        format!("Bearer Bearer {TEXT}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        String::new(),
    ] {
        assert!(ApiKeyText::parse_authorization(&bad).is_err(), "{bad}");
    }
}

#[test]
fn two_authorizations_are_none() {
    assert_eq!(only_authorization(["a"]), Some("a"));
    assert_eq!(only_authorization::<&str>([]), None);
    assert_eq!(only_authorization(["a", "b"]), None);
    assert_eq!(only_authorization(["a", "a", "a"]), None);
}

#[test]
fn nothing_shows_a_secret() {
    let shown = format!("{:?} {:?} {:?}", ApiKeyText::of(&BYTES), BYTES, KeyDigest::new([7; 32]));
    assert_eq!(shown, "ApiKeyText(gaytemzugu3doobz) KeyBytes KeyDigest");
}

#[test]
fn each_route_needs_one_scope_and_others_none_that_there_is() {
    let check = |route: &str, scope: Option<Scope>| assert_eq!(Scope::of_route_key(route), scope, "{route}");
    check("POST /api/agents", Some(Scope::Infer));
    check("POST /api/agents/batch", Some(Scope::Infer));
    check("POST /api/agents/feedback", Some(Scope::Infer));
    check("GET /api/models/status", Some(Scope::Status));
    check("GET /api/budget/status", Some(Scope::Status));
    check("POST /api/models/init", Some(Scope::Admin));
    for unknown in [
        "",
        "$default",
        "GET /api/agents",
        "post /api/agents",
        "ANY /api/agents",
        "POST /api/agents/",
        "POST  /api/agents",
        "POST /api/agents?x=1",
        "POST /api/{proxy+}",
        "POST/api/agents",
    ] {
        check(unknown, None);
    }
}

#[test]
fn scopes_and_reasons_have_one_name_each() {
    for scope in Scope::ALL {
        assert_eq!(Scope::parse(scope.as_str()), Ok(scope));
    }
    for bad in ["", "Infer", "infer ", "all", "infer,status"] {
        assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
    }
    let names: BTreeSet<&str> = Refusal::ALL.into_iter().map(Refusal::as_str).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
}

#[test]
fn a_name_is_one_line() {
    for (text, expected) in [(" web shop ", Some("web shop")), ("Ω", Some("Ω")), (" ", None), ("a\nb", None)] {
        assert_eq!(KeyName::parse(text).ok().as_ref().map(KeyName::as_str), expected, "{text:?}");
    }
    assert!(KeyName::parse(&"é".repeat(64)).is_ok());
    assert!(KeyName::parse(&"é".repeat(65)).is_err());
}

/// A key that may ask and read, and never ends.
fn key() -> ApiKey {
    ApiKey {
        id: ApiKeyText::of(&BYTES).id().clone(),
        tenant: Tenant::parse("tenant").unwrap(),
        scopes: [Scope::Infer, Scope::Status].into(),
        name: KeyName::parse("a name").unwrap(),
        created: NOW,
        expires: None,
        revoked: None,
    }
}

#[test]
fn a_key_opens_what_it_may_while_it_may() {
    let check = |key: &ApiKey, scope: Scope, expected: Result<(), Refusal>| {
        assert_eq!(key.judge(true, scope, NOW), expected, "{key:?} for {scope}");
        assert_eq!(key.judge(false, scope, NOW), Err(Refusal::WrongSecret), "{key:?} for {scope}");
    };
    check(&key(), Scope::Infer, Ok(()));
    check(&key(), Scope::Status, Ok(()));
    check(&key(), Scope::Admin, Err(Refusal::LacksScope));
    let admin = ApiKey { scopes: [Scope::Admin].into(), ..key() };
    check(&admin, Scope::Admin, Ok(()));
    check(&admin, Scope::Infer, Err(Refusal::LacksScope));
    check(&admin, Scope::Status, Err(Refusal::LacksScope));
    check(&ApiKey { scopes: BTreeSet::new(), ..key() }, Scope::Infer, Err(Refusal::LacksScope));
    check(&ApiKey { expires: Some(LATER), ..key() }, Scope::Infer, Ok(()));
    check(&ApiKey { expires: Some(NOW), ..key() }, Scope::Infer, Err(Refusal::Expired));
    // By a clock that is behind, the key was revoked in the future.
    check(&ApiKey { revoked: Some(LATER), ..key() }, Scope::Infer, Err(Refusal::Revoked));
    check(&ApiKey { revoked: Some(NOW), expires: Some(NOW), ..key() }, Scope::Admin, Err(Refusal::Revoked));
}

#[test]
fn a_key_may_be_used_until_it_expires_or_is_revoked() {
    let check = |key: &ApiKey, expected: &str| assert_eq!(key.state(NOW).as_str(), expected, "{key:?}");
    check(&key(), "active");
    check(&ApiKey { expires: Some(LATER), ..key() }, "active");
    check(&ApiKey { expires: Some(NOW), ..key() }, "expired");
    check(&ApiKey { revoked: Some(LATER), ..key() }, "revoked");
    check(&ApiKey { revoked: Some(NOW), expires: Some(NOW), ..key() }, "revoked");
}

proptest! {
    #[test]
    fn every_key_that_is_made_can_be_read(id: [u8; 10], secret: [u8; 32]) {
        let made = ApiKeyText::of(&KeyBytes { id, secret });
        let read = ApiKeyText::parse_authorization(&format!("Bearer {}", made.expose())).unwrap();
        prop_assert_eq!((read.expose(), read.id()), (made.expose(), made.id()));
        let shown = format!("{made:?}");
        prop_assert!(!shown.contains(&made.expose()[20..]), "{}", shown);
    }

    #[test]
    fn whatever_is_shown_is_read_without_a_panic(text in "\\PC{0,100}|fk_[a-z2-7_]{0,80}|fk_.{16}_.{52}") {
        if let Ok(key) = ApiKeyText::parse(&text) {
            prop_assert_eq!(key.expose(), text);
        }
    }
}
