use super::*;

#[test]
fn amounts_in_other_units_are_the_same() {
    check("2 weeks", "14 days", "");
    check("a fortnight", "14 days", "");
    check("half an hour", "30 minutes", "");
    check("an hour and a half", "90 minutes", "");
    check("two and a half hours", "150 minutes", "");
    check("ninety days", "90 days", "");
    check("twenty-one days", "3 weeks", "");
    check("a dozen eggs", "12 eggs", "");
    check("1 year", "12 months", "");
    check("1.5 kg", "1,500 g", "");
    check("1 TB", "1000 GB", "");
    check("fifteen percent", "15%", "");
    check("50p", "£0.50", "");
    check("5 pounds", "£5", "");
    check("£1,250", "1250 pounds", "");
    check("3–4 months", "three to four months", "");
    check("5 business days", "five working days", "");
    check("3 parcels", "three parcels", "");
}

#[test]
fn times_of_the_day_are_the_same_however_written() {
    check("9.30", "09:30", "");
    check("9:30am", "09:30", "");
    check("half past nine", "9:30", "");
    check("9 pm", "21:00", "");
    check("9 p.m.", "21:00", "");
    check("noon", "12:00", "");
    check("a quarter past six", "6.15 pm", "");
    check("quarter to six", "5:45", "");
    check("half past midnight", "00:30", "");
    check("7–22h", "7:00 to 22:00", "");
    check("9 am", "9 pm", "units");
    check("09:30", "9:45", "unknown");
    check("from 9 to 5 pm", "9 am–5 pm", "");
}

#[test]
fn other_amounts_are_faults() {
    check("90 days", "30 days", "unknown");
    check("ninety days", "30 days", "unknown");
    check("30 hours", "30 days", "units");
    check("£5", "€5", "units");
    check("£5", "5%", "units");
    check("2 months", "2 weeks", "units");
    check("£8 per year", "£8 a month", "terms");
    check("£8/year", "£8 per user per month", "terms");
    check("£8 monthly", "£8 a month", "");
    check("£8", "£8 a month", "");
    check("before 9 pm", "after 9 pm", "terms");
    check("at least 14 days", "up to 14 days", "terms");
    check("14 days or more", "at most 14 days", "terms");
    check("no more than 14 days", "up to 14 days", "");
    check("within 30 days", "within 30 days and not after 30 days", "");
    check("$5 and $6", "$5", "unknown");
}

#[test]
fn ways_of_speaking_are_no_amounts() {
    check("one of us calls you in a week", "we call", "");
    check("1. Open it.\n2. Close it.", "open and close it", "");
    check("it is a plan", "the plan", "");
    check("two of them are vegan", "tartare (vegan), cabbage (vegan)", "");
    check("at least 48 hours before", "up to 48 hours before", "");
    check("18 or older", "nobody under 18", "");
}

#[track_caller]
fn check(answer: &str, evidence: &str, expected: &str) {
    let faults = faults(&quantities(answer), &quantities(evidence));
    let named = [(faults.unknown, "unknown"), (faults.units, "units"), (faults.terms, "terms")];
    let found: Vec<&str> = named.iter().filter(|(count, _)| *count > 0).map(|(_, name)| *name).collect();
    assert_eq!(
        found.join(" "),
        expected,
        "{answer:?} {evidence:?} {:?} {:?}",
        quantities(answer),
        quantities(evidence)
    );
}
