//! Runs what others wrote, some of which panics where it cannot go on.
//! A panic becomes words; it refuses to let it end the run, or to print it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

/// What it answers, or what it said when it panicked.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let answer = catch_unwind(AssertUnwindSafe(work));
    set_hook(hook);
    answer.unwrap_or_else(|said| Err(format!("panics: {}", words(&*said))))
}

fn words(said: &(dyn Any + Send)) -> &str {
    let text = said.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| said.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
