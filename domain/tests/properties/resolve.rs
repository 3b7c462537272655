//! Turns the small numbers of an action into a command on what exists in a history.

use crate::actions::Action;
use crate::commands::AnyCommand;
use crate::history::Player;
use crate::model_work::{JobModel, Step};
use crate::shop;
use firsthand_domain::api_keys::{CreateApiKey, Scope, Scopes};
use firsthand_domain::credits::{CreditsGranted, GrantCredits, LotOrigin};
use firsthand_domain::ids::{JobId, LotId, OrganizationId, SubmissionId, WorkerId};
use firsthand_domain::jobs::{CancelJob, CreateJob, ExpireJob, FlagJob, RateJob};
use firsthand_domain::organizations::{SignUp, VerifyPhone};
use firsthand_domain::purchases::ExpireLot;
use firsthand_domain::submissions::{
    AcceptJob, DeliverSubmission, RejectionCode, ScoreSubmission, TimeOutSubmission,
    UploadSubmission, WithdrawSubmission,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Environment, Timestamp};

/// One pick in eight ignores what would be sensible.
const WILD: u16 = 8;

fn choose<T: Copy>(pick: u16, from: &[T]) -> Option<T> {
    from.get(usize::from(pick / WILD).checked_rem(from.len())?).copied()
}

/// A job that pleases, or any, or one that never was.
fn job(player: &mut Player, pick: u16, active: bool) -> JobId {
    let all: Vec<_> = player.model.jobs.keys().copied().collect();
    let sensible: Vec<_> =
        all.iter().copied().filter(|id| player.model.jobs[id].active() == active).collect();
    let slot = player.organizations[0].slot();
    let wild = pick.is_multiple_of(WILD) || sensible.is_empty();
    choose(pick, if wild { &all } else { &sensible }).unwrap_or_else(|| player.world.job(slot))
}

fn submission(player: &mut Player, pick: u16, sensible: fn(&Step) -> bool) -> SubmissionId {
    let all: Vec<_> = player.model.submissions.keys().copied().collect();
    let steps = |id: &SubmissionId| sensible(&player.model.submissions[id].step);
    let good: Vec<_> = all.iter().copied().filter(steps).collect();
    let slot = player.organizations[0].slot();
    let wild = pick.is_multiple_of(WILD) || good.is_empty();
    choose(pick, if wild { &all } else { &good }).unwrap_or_else(|| player.world.submission(slot))
}

fn organization_of(player: &Player, which: u8) -> OrganizationId {
    player.organizations[usize::from(which) % player.organizations.len()]
}

/// The book of a job, or somebody else's.
fn book_of(player: &Player, job: JobId, foreign: bool) -> Book {
    let own = player.model.jobs.get(&job).map(|job| job.book);
    let other = (0..4).map(|bits| player.book(bits)).find(|book| Some(*book) != own);
    if foreign { other } else { own }.unwrap_or_default()
}

/// Times at which something ends, the nearest first.
pub(crate) fn next_times(player: &Player) -> Vec<Timestamp> {
    let model = &player.model;
    let lots = model.books.values().flat_map(|book| &book.lots).filter_map(|lot| lot.ends);
    let deadlines = model.jobs.values().filter_map(|job| job.deadline);
    let windows = model.submissions.values().filter_map(|one| match one.step {
        Step::Accepted(until) | Step::Retry(until) => Some(until),
        _ => None,
    });
    let ahead = |time: &Timestamp| *time > player.world.now;
    let mut times: Vec<_> = lots.chain(deadlines).chain(windows).filter(ahead).collect();
    times.sort();
    times.dedup();
    times
}

pub(crate) fn sign_up(player: &mut Player, organization_id: OrganizationId) -> AnyCommand {
    let key = key(player, Book::Organization(organization_id, Environment::Live), false);
    SignUp { organization_id, name: "Buyer".into(), key }.into()
}

fn key(player: &mut Player, book: Book, narrow: bool) -> CreateApiKey {
    let Book::Organization(organization_id, environment) = book else {
        unreachable!("only organizations have keys")
    };
    let granted_by = if narrow { [Scope::JobsRead].into_iter().collect() } else { Scopes::all() };
    CreateApiKey {
        key_id: player.world.key(book.slot()),
        organization_id,
        environment,
        name: "key".into(),
        scopes: Scopes::all(),
        granted_by,
        secret_hash: "hash".into(),
        last4: "abcd".into(),
        expires_at: None,
        sandbox_lot: player.world.lot(book.slot()),
    }
}

/// A lot that no command issues yet: a purchase, or its bonus.
pub(crate) fn credit(
    player: &mut Player,
    book: u8,
    cents: i64,
    (paid, ends_in_days): (bool, Option<u8>),
) -> (Book, CreditsGranted) {
    let book = player.book(book);
    let day = 86_400_000_000;
    // Whole days, so that the ends of several lots agree.
    let today = Timestamp::from_micros(player.world.now.micros() / day * day);
    let granted = CreditsGranted {
        lot_id: player.world.lot(book.slot()),
        origin: if paid { LotOrigin::Purchase } else { LotOrigin::Bonus },
        amount_cents: Cents::new(cents),
        expires_at: ends_in_days.map(|days| today.after(Span::days(days.into()))),
        reason: "paid".into(),
        purchase: None,
        available_cents: None,
        at: player.world.now,
    };
    (book, granted)
}

/// Turns an action that is a command into that command.
pub(crate) fn command(player: &mut Player, action: &Action) -> AnyCommand {
    match *action {
        Action::SignUpAgain { organization } => {
            sign_up(player, organization_of(player, organization))
        }
        Action::VerifyPhone { organization } => {
            let organization_id = organization_of(player, organization);
            VerifyPhone::new(organization_id, player.world.lot(organization_id.slot())).into()
        }
        Action::CreateKey { book, narrow } => key(player, player.book(book), narrow).into(),
        Action::Grant { book, cents } => {
            let book = player.book(book);
            let lot_id = player.world.lot(book.slot());
            GrantCredits { book, lot_id, amount: Cents::new(cents), reason: "thanks".into() }.into()
        }
        Action::Create { .. } => create(player, action),
        Action::Cancel { pick, foreign } => {
            let job_id = job(player, pick, true);
            CancelJob { book: book_of(player, job_id, foreign), job_id }.into()
        }
        Action::ExpireJob { pick } => ExpireJob { job_id: job(player, pick, true) }.into(),
        Action::ExpireLot { pick } => expire_lot(player, pick),
        Action::Rate { pick, foreign } => {
            let job_id = job(player, pick, false);
            let book = book_of(player, job_id, foreign);
            RateJob { book, job_id, rating: 4, feedback: None }.into()
        }
        Action::Flag { pick } => {
            let worker_id = player.workers[0];
            FlagJob { job_id: job(player, pick, true), worker_id, reason: "odd".into() }.into()
        }
        Action::Accept { .. }
        | Action::Upload { .. }
        | Action::Score { .. }
        | Action::ScoreAgain
        | Action::Deliver { .. }
        | Action::Withdraw { .. }
        | Action::TimeOut { .. } => work(player, action),
        Action::Credit { .. } | Action::Wait { .. } | Action::WaitFor { .. } => {
            unreachable!("no command: {action:?}")
        }
    }
}

fn create(player: &mut Player, action: &Action) -> AnyCommand {
    let Action::Create { book, price, files, per, stars, deadline, workers } = *action else {
        unreachable!("not a create: {action:?}")
    };
    let book = player.book(book);
    let mut input = shop::asks(price, files, per);
    input.min_star_rating = stars;
    let minutes = Span::minutes(deadline.into());
    input.deadline = (deadline > 0).then(|| player.world.now.after(minutes));
    input.max_workers = (workers > 0).then_some(workers);
    CreateJob { book, job_id: player.world.job(book.slot()), input }.into()
}

/// A lot that has ended if there is one.
fn expire_lot(player: &mut Player, pick: u16) -> AnyCommand {
    let now = player.world.now;
    let books = player.model.books.iter();
    let lots = books.flat_map(|(book, one)| one.lots.iter().map(move |lot| (*book, lot)));
    let (ended, others): (Vec<_>, Vec<_>) =
        lots.partition(|(_, lot)| lot.remaining > 0 && lot.spendable(now) == 0);
    let wild = pick.is_multiple_of(WILD) || ended.is_empty();
    let candidates = if wild { others } else { ended };
    let candidates: Vec<(Book, LotId)> =
        candidates.iter().map(|(book, lot)| (*book, lot.id)).collect();
    let (book, lot_id) = choose(pick, &candidates).unwrap_or_default();
    ExpireLot { book, lot_id }.into()
}

/// Where there is nothing to do for an action, what would lead to it is done instead: a history
/// of refusals teaches little. One pick in eight insists.
fn sensible(player: &Player, action: &Action) -> Action {
    let any =
        |good: fn(&Step) -> bool| player.model.submissions.values().any(|one| good(&one.step));
    let waits = |step: &Step| matches!(step, Step::Accepted(_) | Step::Retry(_));
    let busy = player.model.jobs.values().any(JobModel::active);
    match *action {
        Action::Score { pick, stars, .. } if pick % WILD > 0 && !any(|s| *s == Step::Pending) => {
            let upload = Action::Upload { pick, files: stars, stranger: false };
            sensible(player, &upload)
        }
        Action::Upload { pick, files, .. } if pick % WILD > 0 && !any(waits) => {
            sensible(player, &Action::Accept { pick, worker: files })
        }
        Action::Accept { pick, worker } if pick % WILD > 0 && !busy => Action::Create {
            book: worker,
            price: i64::from(10 + pick % 90),
            files: u32::from(1 + pick % 7),
            per: u32::from(1 + pick % 3),
            stars: 3,
            deadline: 0,
            workers: 0,
        },
        _ => action.clone(),
    }
}

fn work(player: &mut Player, action: &Action) -> AnyCommand {
    match sensible(player, action) {
        Action::Accept { pick, worker } => {
            let job_id = job(player, pick, true);
            let worker_id = player.workers[usize::from(worker) % player.workers.len()];
            let submission_id = player.world.submission(job_id.slot());
            AcceptJob { job_id, submission_id, worker_id, worker_region: None, wait: Span::ZERO }
                .into()
        }
        Action::Upload { pick, files, stranger } => upload(player, pick, files, stranger),
        Action::Score { pick, stars, technical } => {
            let submission_id = submission(player, pick, |step| *step == Step::Pending);
            let one = player.model.submissions.get(&submission_id);
            let attempt = one.map_or(1, |one| one.attempt);
            let technical = technical.then_some(RejectionCode::Duplicate);
            let score: AnyCommand =
                ScoreSubmission { technical, ..shop::score(submission_id, attempt, stars) }.into();
            player.last_score = Some(score.clone());
            score
        }
        Action::ScoreAgain => {
            let never = player.world.submission(player.organizations[0].slot());
            player.last_score.clone().unwrap_or_else(|| shop::score(never, 1, 5).into())
        }
        Action::Deliver { pick } => {
            let submission_id = submission(player, pick, |step| *step == Step::Approved);
            DeliverSubmission { submission_id, files: Vec::new() }.into()
        }
        Action::Withdraw { pick } => {
            let accepted = |step: &Step| matches!(step, Step::Accepted(_));
            let submission_id = submission(player, pick, accepted);
            let worker_id = owner(player, submission_id);
            WithdrawSubmission { submission_id, worker_id }.into()
        }
        Action::TimeOut { pick } => {
            let waits = |step: &Step| matches!(step, Step::Accepted(_) | Step::Retry(_));
            TimeOutSubmission { submission_id: submission(player, pick, waits) }.into()
        }
        create @ Action::Create { .. } => self::create(player, &create),
        other => unreachable!("not a worker's: {other:?}"),
    }
}

fn owner(player: &Player, submission: SubmissionId) -> WorkerId {
    player.model.submissions.get(&submission).map_or(player.workers[0], |one| one.worker)
}

fn upload(player: &mut Player, pick: u16, files: u8, stranger: bool) -> AnyCommand {
    let waits = |step: &Step| matches!(step, Step::Accepted(_) | Step::Retry(_));
    let submission_id = submission(player, pick, waits);
    let one = player.model.submissions.get(&submission_id);
    let retry = one.is_some_and(|one| matches!(one.step, Step::Retry(_)));
    // Most uploads bring all that was reserved; some bring less, more or nothing.
    let reserved = one.map_or(1, |one| u8::try_from(one.reserved).unwrap_or(1));
    let count = if pick.is_multiple_of(3) { files } else { reserved };
    let owner = owner(player, submission_id);
    let other = player.workers.iter().copied().find(|worker| *worker != owner);
    let worker_id = if stranger { other.unwrap_or(owner) } else { owner };
    let slot = submission_id.slot();
    let files = (0..count).map(|_| shop::file(player.world.file(slot))).collect();
    let upload = UploadSubmission {
        submission_id,
        worker_id,
        retry,
        files,
        captured_at: None,
        location_verified: None,
    };
    upload.into()
}
