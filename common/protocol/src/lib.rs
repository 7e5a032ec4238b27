//! What client and Keep say to each other over their channel.
