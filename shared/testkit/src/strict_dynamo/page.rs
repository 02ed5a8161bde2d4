//! Pages of items, as queries and scans answer with them.

use serde::Serialize;

use super::value::{Item, size_of};

/// How many bytes of items one page looks at.
const MOST_BYTES: usize = 1_024 * 1_024;

/// Some of the items, and where to go on.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Vec<&'a Item>>,
    count: usize,
    scanned_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_evaluated_key: Option<Item>,
}

/// The first page of `rows`: at most `limit` of them and a megabyte, of which those stay that `keeps`
/// keeps.
pub(super) fn first_page<'a, Place>(
    rows: impl Iterator<Item = (Place, &'a Item)>,
    limit: Option<usize>,
    keeps: impl Fn(&Item) -> bool,
    key_of: impl Fn(&Place) -> Item,
) -> Page<'a> {
    let (mut items, mut seen, mut bytes, mut last) = (Vec::new(), 0, 0, None);
    let mut rows = rows.peekable();
    while let Some((place, item)) = rows.next() {
        seen += 1;
        bytes += size_of(item);
        if keeps(item) {
            items.push(item);
        }
        // The service does not look whether there is more when it was told when to end.
        if limit == Some(seen) || (bytes >= MOST_BYTES && rows.peek().is_some()) {
            last = Some(key_of(&place));
            break;
        }
    }
    Page { count: items.len(), items: Some(items), scanned_count: seen, last_evaluated_key: last }
}
