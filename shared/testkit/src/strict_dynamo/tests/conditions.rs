use serde_json::json;

use super::{update, with_item};

/// Whether the item meets the condition.
#[track_caller]
fn check(condition: &str, expected: bool) {
    let dynamo = with_item(&json!({
        "a": { "N": "1" }, "b": { "N": "10" }, "name": { "S": "text" }, "bin": { "B": "AQID" }, "flag": { "BOOL": true },
        "nil": { "NULL": true }, "l": { "L": [{ "N": "1" }, { "M": { "x": { "S": "y" } } }] },
        "map": { "M": { "in": { "N": "1" } } }, "tags": { "SS": ["a", "b"] }, "astral": { "S": "𝄞" },
    }));
    match update(&dynamo, &[("ConditionExpression", condition)]) {
        Ok(_) => assert!(expected, "{condition}"),
        Err((kind, body)) => {
            assert_eq!(kind, "ConditionalCheckFailedException", "{condition}: {body}");
            assert!(!expected, "{condition}");
        }
    }
}

#[test]
fn values_are_compared() {
    check("a = :one", true);
    check("a <> :one", false);
    check("a < :two AND a <= :two AND :two > a AND :two >= a", true);
    check("b = :ten", true);
    check("b > :two", true);
    check("a < b", true);
    check("#name = :text", true);
    check("#name > :te", true);
    check("bin > :bytes", true);
    check("flag = :yes and nil = :null", true);
    check("tags = :set", true);
    check("#map = :map", true);
    check("a = :ten OR a = :one", true);
}

#[test]
fn values_of_different_types_are_unequal_and_in_no_order() {
    check("a = :text", false);
    check("a <> :text", true);
    check("a < :text OR a >= :text", false);
    check("NOT a < :text", true);
    check("flag < a OR flag >= a", false);
}

#[test]
fn what_is_not_there_is_unequal_to_everything() {
    check("absent = :one", false);
    check("absent <> :one", true);
    check("absent < :one OR absent >= :one", false);
    check("absent IN (:one, :text)", false);
    check("absent BETWEEN :one AND :two", false);
    check("absent <> nothing", true);
    check("attribute_exists(absent)", false);
    check("attribute_not_exists(absent)", true);
    check("attribute_type(absent, :S)", false);
    check("begins_with(absent, :te)", false);
    check("size(absent) < :two", false);
}

#[test]
fn functions_are_evaluated() {
    check("attribute_exists(PK)", true);
    check("attribute_exists(tree.x)", false);
    check("attribute_exists(l[1].x)", true);
    check("attribute_exists(l[2])", false);
    check("attribute_type(#name, :S)", true);
    check("begins_with(#name, :te)", true);
    check("begins_with(a, :te)", false);
    check("begins_with(bin, :bytes)", true);
    check("contains(#name, :te)", true);
    check("contains(tags, :te)", false);
    check("contains(l, :one)", true);
    check("contains(bin, :bytes)", true);
    check("size(#name) > :two", true);
    check("size(astral) = :two", true);
    check("size(a) = :one", false);
    check("size(tags) = :two AND size(l) = :two AND size(#map) = :one", true);
}

#[test]
fn choices_and_ranges() {
    check("a IN (:two, :one)", true);
    check("a in (:two)", false);
    check("a BETWEEN :one AND :two", true);
    check("b BETWEEN :one AND :two", false);
    check("b between a and :ten", true);
}

#[test]
fn or_binds_less_than_and_and_that_less_than_not() {
    check("a = :one OR a = :one AND a = :two", true);
    check("(a = :one OR a = :one) AND a = :two", false);
    check("NOT a = :two AND a = :one", true);
    check("NOT (a = :one OR a = :two)", false);
    check("NOT NOT a = :one", true);
}
