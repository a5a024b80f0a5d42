//! Which receiver a call is for, and what an attempt says of it.

use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::Attempt;
use flowtrigger_core::suspension::{ReceiverSignal, SuspensionTarget};

/// The receiver of a request; `None` for calls that send none.
pub fn receiver(call: &Call) -> Option<SuspensionTarget> {
    let Call::Http(request) = call else {
        return None;
    };
    match &request.connection {
        Some(name) => Some(SuspensionTarget::Connection(name.clone())),
        None => call.host().map(SuspensionTarget::Host),
    }
}

/// What an attempt says of its receiver; `None` if it says nothing, because nothing was sent.
pub fn signal(attempt: &Attempt) -> Option<ReceiverSignal> {
    let works = ReceiverSignal::Succeeded {
        started: attempt.started,
    };
    match &attempt.outcome {
        Ok(_) => Some(works),
        Err(failure) if failure.is_outage() => Some(ReceiverSignal::Failed {
            message: failure.message.clone(),
            retry_after: failure.retry_after,
        }),
        // It answered: what is wrong is the request.
        Err(failure) => failure.status.map(|_| works),
    }
}
