//! Files of labelled rows: CSV with a header, in UTF-8.

use std::path::{Path, PathBuf};

use csv::StringRecord;

/// Why a file cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is no CSV.
    #[error("{path}, line {line}: {what}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// On which line, from 1.
        line: u64,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// It has no rows.
    #[error("{path} is empty: expected a header and at least one row")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// A column is missing.
    #[error("{path}: expected a column `{column}`, found {found}")]
    MissingColumn {
        /// Which file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The columns that there are.
        found: String,
    },
    /// A value is not as it should be.
    #[error("{path}, line {line}, column `{column}`: expected {expected}, found `{found}`")]
    BadValue {
        /// Which file.
        path: PathBuf,
        /// On which line, from 1.
        line: u64,
        /// In which column.
        column: String,
        /// What was expected.
        expected: String,
        /// The beginning of what is there.
        found: String,
    },
}

/// A file of labelled rows.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    header: StringRecord,
    rows: Vec<StringRecord>,
}

/// One column of a table.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    table: &'a Table,
    name: String,
    at: usize,
}

/// The longest part of a bad value that is shown, in characters.
const SHOWN: usize = 40;

impl Table {
    /// Reads the file.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read, is no CSV or has no rows.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let bytes = std::fs::read(path).map_err(|cause| TableError::Unreadable { path: path.to_owned(), cause })?;
        Self::parse(path, &bytes)
    }

    /// Reads the content of the file `path`.
    ///
    /// # Errors
    /// [`TableError`] when it is no CSV or has no rows.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TableError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
        let header = reader.headers().map_err(|error| malformed(path, &error))?;
        let header: StringRecord = header.iter().map(str::trim).collect();
        let rows = reader.records().collect::<Result<Vec<_>, _>>().map_err(|error| malformed(path, &error))?;
        if rows.is_empty() {
            return Err(TableError::Empty { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), header, rows })
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows: never, as such a file is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The column named `name`.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`].
    pub fn column(&self, name: &str) -> Result<Column<'_>, TableError> {
        self.optional_column(name).ok_or_else(|| TableError::MissingColumn {
            path: self.path.clone(),
            column: name.to_owned(),
            found: self.header.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        })
    }

    /// The column named `name`, if there is one.
    #[must_use]
    pub fn optional_column(&self, name: &str) -> Option<Column<'_>> {
        let at = self.header.iter().position(|other| other == name)?;
        Some(Column { table: self, name: name.to_owned(), at })
    }
}

impl<'a> Column<'a> {
    /// The texts of all rows, as they are.
    #[must_use]
    pub fn texts(&self) -> Vec<&'a str> {
        self.table.rows.iter().map(|row| row.get(self.at).unwrap_or_default()).collect()
    }

    /// What `read` makes of each row's text, without the white space around it.
    ///
    /// # Errors
    /// [`TableError::BadValue`] with the first row of which it makes nothing; `expected` says what it
    /// would.
    pub fn map<T>(&self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, TableError> {
        let values = self.texts().into_iter().enumerate();
        values.map(|(row, text)| read(text.trim()).ok_or_else(|| self.bad(row, expected))).collect()
    }

    /// Yes or no for each row, written as 1 or 0.
    ///
    /// # Errors
    /// [`TableError::BadValue`].
    pub fn flags(&self) -> Result<Vec<bool>, TableError> {
        self.map("0 or 1", |text| match text.to_ascii_lowercase().as_str() {
            "1" | "1.0" | "true" => Some(true),
            "0" | "0.0" | "false" => Some(false),
            _ => None,
        })
    }

    /// A number from 0 to 1 for each row.
    ///
    /// # Errors
    /// [`TableError::BadValue`].
    pub fn shares(&self) -> Result<Vec<f32>, TableError> {
        self.map("a number from 0 to 1", |text| match text.to_ascii_lowercase().as_str() {
            "true" => Some(1.0),
            "false" => Some(0.0),
            text => text.parse().ok().filter(|value| (0.0..=1.0).contains(value)),
        })
    }

    /// The error that says that `expected` is not what the row with this number, from 0, has here.
    #[must_use]
    pub fn bad(&self, row: usize, expected: &str) -> TableError {
        let record = self.table.rows.get(row);
        let found = record.and_then(|record| record.get(self.at)).unwrap_or_default();
        TableError::BadValue {
            path: self.table.path.clone(),
            line: record.and_then(StringRecord::position).map_or(0, csv::Position::line),
            column: self.name.clone(),
            expected: expected.to_owned(),
            found: found.chars().take(SHOWN).collect(),
        }
    }
}

fn malformed(path: &Path, error: &csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("expected {expected_len} values as in the header, found {len}")
        }
        csv::ErrorKind::Utf8 { .. } => "expected text in UTF-8".to_owned(),
        _ => "expected comma-separated values".to_owned(),
    };
    TableError::Malformed { path: path.to_owned(), line, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table, TableError> {
        Table::parse(Path::new("rows.csv"), text.as_bytes())
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let table = read("\u{feff}label, text\n1,\"one,\ntwo\"\n0,three\n").unwrap();
        assert_eq!(table.column("text").unwrap().texts(), ["one,\ntwo", "three"]);
        assert_eq!(table.column("label").unwrap().flags().unwrap(), [true, false]);
        assert!(table.optional_column("context").is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("", "rows.csv is empty");
        check("text,label\n", "rows.csv is empty");
        check("text\na\n", "expected a column `label`, found `text`");
        check("text,label\na,1\nb,maybe\n", "line 3, column `label`: expected 0 or 1, found `maybe`");
        check("text,label\n\"a\nb\",1\nc,2\n", "line 4, column `label`");
        check("text,label\na\n", "line 2: expected 2 values as in the header, found 1");
    }

    #[test]
    fn text_in_another_encoding_is_refused_with_its_line() {
        let error = Table::parse(Path::new("rows.csv"), b"text,label\na,1\n\xff\xfe,1\n").unwrap_err();
        assert!(error.to_string().contains("line 3: expected text in UTF-8"), "{error}");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = read(text).and_then(|table| table.column("label")?.flags()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} has no {expected:?}");
    }
}
