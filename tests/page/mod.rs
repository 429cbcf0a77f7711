//! The messenger as a page (`serve --web`): its files as the server serves them, and its modules without a view in node.

mod files;
mod machine;
