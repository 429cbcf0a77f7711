//! The documents: the sessions on their pages look as shown, the pictures show the screen, and the examples do what they
//! say.

/// The example that draws the pictures.
#[path = "../../examples/pictures/main.rs"]
#[allow(dead_code)]
mod drawn;

mod capacity;
mod chaos;
mod class;
mod contributing;
mod dependencies;
mod deploy;
mod examples;
mod haproxy;
mod imports;
mod labs;
mod machine;
mod monitoring;
mod page;
mod pages;
mod pictures;
mod player;
mod security;
mod sessions;
mod tour;
mod upgrading;
