//! Opens a store: on a file, in memory, or in the time of a simulation.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::archive_buffer::ArchiveBuffer;
use super::clock::{StoreClock, VirtualClock};
use super::current_claims::CurrentClaims;
use super::database::{self, DatabaseOpenError, Location};
use super::queue::recovery::recover;
use super::writer::Writer;
use super::writer_state::WriterState;
use super::{SqliteStore, deliveries};
use crate::store::{RecoveryReport, StoreSettings};

impl SqliteStore {
    /// Opens the file, creates it if it does not exist, and queues the runs again that were running. The
    /// caller must hold the lock of the data folder.
    pub fn open(
        path: &Path,
        settings: StoreSettings,
    ) -> Result<(Self, RecoveryReport), DatabaseOpenError> {
        let connection = database::open(path)?;
        let location = Location::File(path.to_owned());
        Self::start(connection, location, settings, StoreClock::Machine)
            .map_err(|error| database::open_error(path, error))
    }

    /// An empty store in memory, with the same rows and statements and nothing on disk. It keeps its limits
    /// whatever the configuration says, and no unmatched events; see [`StoreSettings::in_memory`].
    pub fn in_memory(settings: StoreSettings) -> Result<Self, DatabaseOpenError> {
        let connection = database::open_in_memory()?;
        let started = Self::start(connection, Location::Memory, settings, StoreClock::Machine);
        let (store, _) = started.map_err(database::memory_error)?;
        Ok(store)
    }

    /// An empty store in memory whose time is that of a simulation, so that nothing expires before its time there.
    pub fn in_virtual_time(
        clock: &VirtualClock,
        settings: StoreSettings,
    ) -> Result<Self, DatabaseOpenError> {
        let connection = database::open_in_memory()?;
        let clock = StoreClock::Virtual(clock.clone());
        let started = Self::start(connection, Location::Memory, settings, clock);
        let (store, _) = started.map_err(database::memory_error)?;
        Ok(store)
    }

    fn start(
        mut connection: Connection,
        location: Location,
        settings: StoreSettings,
        clock: StoreClock,
    ) -> rusqlite::Result<(Self, RecoveryReport)> {
        let archive_buffer = Arc::new(ArchiveBuffer::default());
        archive_buffer.redact(&settings.redact);
        let recovered = recover(&mut connection, clock.now(), settings.traces)?;
        let buffer = Arc::clone(&archive_buffer);
        let mut state = WriterState::new(&connection, location.clone(), settings, buffer)?;
        state.claims = CurrentClaims::starting_at(clock.now());
        state.clock = clock;
        let (deliveries, health) = (Arc::clone(&state.deliveries), Arc::clone(&state.health));
        let exchanges = Arc::clone(&state.exchanges);
        let awaited = Arc::clone(&state.awaited);
        deliveries.continue_after(deliveries::last_delivery(&connection)?);
        let store = Self {
            writer: Arc::new(Writer::start(connection, state)),
            archive_buffer,
            deliveries,
            exchanges,
            health,
            awaited,
            location,
        };
        Ok((store, recovered))
    }
}
