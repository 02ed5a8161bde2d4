//! What a caller asks: a query, or a conversation that ends in one.

use std::fmt;

/// The longest text of one message, in characters.
pub const MAX_MESSAGE_CHARS: usize = 32_000;
/// The most messages in one conversation.
pub const MAX_MESSAGES: usize = 64;

/// One text of a conversation: not blank, at most [`MAX_MESSAGE_CHARS`] characters, without NUL.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt(String);

/// Why a text is no prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrompt {
    /// Nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// Above [`MAX_MESSAGE_CHARS`].
    #[error("has {0} characters; the limit is {MAX_MESSAGE_CHARS}")]
    TooLong(usize),
    /// Contains U+0000.
    #[error("contains a NUL character (U+0000)")]
    Nul,
}

impl Prompt {
    /// Reads a prompt, without the white space around it.
    ///
    /// # Errors
    /// [`InvalidPrompt`] when the text is blank, too long or contains NUL.
    pub fn parse(text: &str) -> Result<Self, InvalidPrompt> {
        let text = text.trim();
        let chars = text.chars().count();
        if text.is_empty() {
            Err(InvalidPrompt::Blank)
        } else if chars > MAX_MESSAGE_CHARS {
            Err(InvalidPrompt::TooLong(chars))
        } else if text.contains('\0') {
            Err(InvalidPrompt::Nul)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Prompt {
    /// The length only: what callers ask is never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({} bytes)", self.0.len())
    }
}

/// Who speaks in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The caller's customer.
    User,
    /// An earlier answer.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: Prompt,
}

/// A conversation: at least one message, the last one the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation(Vec<Message>);

/// Why messages are no conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConversation {
    /// No message at all.
    #[error("must have at least one message")]
    Empty,
    /// Above [`MAX_MESSAGES`].
    #[error("has {0} messages; the limit is {MAX_MESSAGES}")]
    TooMany(usize),
    /// The last message is not the user's.
    #[error("must end with a message of role `user`")]
    NotEndingWithUser,
}

impl Conversation {
    /// A conversation of one question.
    #[must_use]
    pub fn of(query: Prompt) -> Self {
        Self(vec![Message { role: Role::User, text: query }])
    }

    /// Checks that `messages` are a conversation.
    ///
    /// # Errors
    /// [`InvalidConversation`] when there are none, too many, or the last is not the user's.
    pub fn parse(messages: Vec<Message>) -> Result<Self, InvalidConversation> {
        match messages.last() {
            None => Err(InvalidConversation::Empty),
            Some(_) if messages.len() > MAX_MESSAGES => Err(InvalidConversation::TooMany(messages.len())),
            Some(last) if last.role != Role::User => Err(InvalidConversation::NotEndingWithUser),
            Some(_) => Ok(Self(messages)),
        }
    }

    /// The question to be answered: the last message.
    #[must_use]
    pub fn query(&self) -> &Prompt {
        &self.0[self.0.len() - 1].text
    }

    /// Every message, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.0
    }

    /// Whether the question stands alone, without earlier turns that it may refer to.
    #[must_use]
    pub fn is_single_turn(&self) -> bool {
        self.0.len() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_says_something() {
        assert_eq!(Prompt::parse(" hi ").unwrap().as_str(), "hi");
        assert_eq!(Prompt::parse(" \n").unwrap_err(), InvalidPrompt::Blank);
        assert_eq!(Prompt::parse("a\0b").unwrap_err(), InvalidPrompt::Nul);
        assert_eq!(Prompt::parse(&"é".repeat(32_001)).unwrap_err(), InvalidPrompt::TooLong(32_001));
    }

    #[test]
    fn a_conversation_ends_with_a_question() {
        let turn = |role| Message { role, text: Prompt::parse("x").unwrap() };
        assert!(Conversation::parse(vec![turn(Role::User)]).unwrap().is_single_turn());
        let ends_with_answer = vec![turn(Role::User), turn(Role::Assistant)];
        assert_eq!(Conversation::parse(ends_with_answer), Err(InvalidConversation::NotEndingWithUser));
        assert_eq!(Conversation::parse(vec![]), Err(InvalidConversation::Empty));
    }

    #[test]
    fn a_prompt_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Prompt::parse("my secret").unwrap()), "Prompt(9 bytes)");
    }
}
