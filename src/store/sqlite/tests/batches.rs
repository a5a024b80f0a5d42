//! Jobs that one transaction takes together, and one of them that fails. The work of the writer thread is called without the
//! thread, so that a test decides which jobs a batch has.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::store::sqlite::archive_buffer::ArchiveBuffer;
use crate::store::sqlite::commit::EncodedEvent;
use crate::store::sqlite::commits::Commits;
use crate::store::sqlite::database::Location;
use crate::store::sqlite::write_job::{JobAnswer, WriteJob};
use crate::store::sqlite::writer::WriterThread;
use crate::store::sqlite::writer_state::WriterState;
use flowtrigger_core::run::RunId;

fn writer(commits: &Arc<Commits>) -> WriterThread {
    let connection = database::open_in_memory().unwrap();
    let buffer = Arc::new(ArchiveBuffer::default());
    let settings = StoreSettings::in_memory();
    let state = WriterState::new(&connection, Location::Memory, settings, buffer);
    WriterThread::new(connection, state.unwrap(), Arc::clone(commits))
}

fn arriving(id: &str) -> (WriteJob, JobAnswer<RunId>) {
    let event = EncodedEvent::new(arrival(id, &live_rule("a")));
    WriteJob::repeatable(Durability::Synced, move |transaction| {
        let committed = transaction.commit_all(std::slice::from_ref(&event))?;
        Ok(committed[0].runs[0].id)
    })
}

fn failing(executed: &Arc<AtomicUsize>) -> (WriteJob, JobAnswer<()>) {
    let executed = Arc::clone(executed);
    WriteJob::repeatable(Durability::Synced, move |transaction| {
        executed.fetch_add(1, Ordering::Relaxed);
        let sql = "INSERT INTO facts VALUES ('failing', 1)";
        transaction.connection.execute(sql, [])?;
        Err::<(), _>(StoreError::Broken("injected".into()))
    })
}

fn rows(writer: &WriterThread, sql: &str) -> i64 {
    let connection = &writer.connection;
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The failing job is between two others, whose batch has a job beside them or not.
fn check_failure(beside: Option<WriteJob>, executions: usize) {
    let (commits, executed) = (Arc::default(), Arc::default());
    let mut writer = writer(&commits);
    let (first, mut first_answer) = arriving("1");
    let (failing, mut failing_answer) = failing(&executed);
    let (second, mut second_answer) = arriving("2");
    let mut batch = vec![first, failing, second];
    batch.extend(beside);
    writer.commit(batch);
    let first = first_answer.try_recv().unwrap().unwrap();
    let second = second_answer.try_recv().unwrap().unwrap();
    assert_ne!(first, second);
    let injected = Err(StoreError::Broken("injected".into()));
    assert_eq!(failing_answer.try_recv().unwrap(), injected);
    assert_eq!(executed.load(Ordering::Relaxed), executions);
    assert_eq!(commits.count.load(Ordering::Relaxed), 1);
    assert_eq!(rows(&writer, "SELECT count(*) FROM runs"), 2);
    let sql = "SELECT count(*) FROM facts WHERE name = 'failing'";
    assert_eq!(rows(&writer, sql), 0);
}

#[test]
fn a_job_that_fails_does_not_affect_the_jobs_of_its_batch() {
    check_failure(None, 2);
}

#[test]
fn a_batch_with_a_job_that_cannot_be_repeated_is_executed_once() {
    let (tick, _) = WriteJob::single(Durability::Synced, |transaction| transaction.tick());
    check_failure(Some(tick), 1);
}
