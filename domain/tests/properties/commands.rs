//! Any command of a history, so that it can be run, printed, repeated and predicted.

use firsthand_domain::Command;
use firsthand_domain::api_keys::CreateApiKey;
use firsthand_domain::credits::GrantCredits;
use firsthand_domain::jobs::{CancelJob, CreateJob, ExpireJob, FlagJob, RateJob};
use firsthand_domain::organizations::{SignUp, VerifyPhone};
use firsthand_domain::purchases::ExpireLot;
use firsthand_domain::submissions::{
    AcceptJob, DeliverSubmission, ScoreSubmission, TimeOutSubmission, UploadSubmission,
    WithdrawSubmission,
};

macro_rules! commands {
    ($($variant:ident($command:ty)),* $(,)?) => {
        /// One command.
        #[derive(Debug, Clone)]
        pub(crate) enum AnyCommand { $($variant(Box<$command>)),* }

        impl AnyCommand {
            pub(crate) fn as_command(&self) -> &dyn Command {
                match self { $(Self::$variant(command) => command.as_ref()),* }
            }
        }

        $(impl From<$command> for AnyCommand {
            fn from(command: $command) -> Self { Self::$variant(Box::new(command)) }
        })*
    };
}

commands! {
    SignUp(SignUp),
    VerifyPhone(VerifyPhone),
    CreateKey(CreateApiKey),
    Grant(GrantCredits),
    ExpireLot(ExpireLot),
    Create(CreateJob),
    Cancel(CancelJob),
    ExpireJob(ExpireJob),
    Rate(RateJob),
    Flag(FlagJob),
    Accept(AcceptJob),
    Upload(UploadSubmission),
    Score(ScoreSubmission),
    Deliver(DeliverSubmission),
    Withdraw(WithdrawSubmission),
    TimeOut(TimeOutSubmission),
}
