"""What goes over the wire: plain dictionaries, described for type checkers and editors.

The service may add fields and values at any time, so treat what is listed here as what is known, not
as all there is. Money is whole US cents; times are ISO 8601 in UTC.

Annotations are evaluated in these modules, so that what validates by them at run time sees what may be
absent.
"""

from .account import ApiKey, ApiKeyParams, Identity, NewApiKey, PhoneVerification, Scope, SignUp
from .billing import (
    Amounts,
    BillingStatement,
    CheckoutSession,
    CreditBalance,
    CreditTransaction,
    ExportFormat,
    Movements,
    Period,
    Purchase,
    PurchaseParams,
    TransactionType,
)
from .common import Environment, ErrorBody, Page
from .jobs import (
    Escrow,
    Job,
    JobParams,
    JobQuote,
    JobStatus,
    JobStatusFilter,
    JobType,
    Location,
    SubmissionCounts,
)
from .organization import AuditEvent, Party, RequestRecord, Settings, SettingsChanges
from .submissions import (
    Dimensions,
    File,
    FileUrl,
    Submission,
    SubmissionFile,
    SubmissionStatus,
    SubmissionSummary,
)
from .webhooks import (
    AttemptStatus,
    DeliveryStatus,
    Event,
    NewWebhookEndpoint,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointChanges,
    WebhookEndpointParams,
    WebhookEvent,
    WebhookEventType,
    WebhookReplay,
    WebhookTimings,
)

__all__ = [
    "Amounts",
    "ApiKey",
    "ApiKeyParams",
    "AttemptStatus",
    "AuditEvent",
    "BillingStatement",
    "CheckoutSession",
    "CreditBalance",
    "CreditTransaction",
    "DeliveryStatus",
    "Dimensions",
    "Environment",
    "ErrorBody",
    "Escrow",
    "Event",
    "ExportFormat",
    "File",
    "FileUrl",
    "Identity",
    "Job",
    "JobParams",
    "JobQuote",
    "JobStatus",
    "JobStatusFilter",
    "JobType",
    "Location",
    "Movements",
    "NewApiKey",
    "NewWebhookEndpoint",
    "Page",
    "Party",
    "Period",
    "PhoneVerification",
    "Purchase",
    "PurchaseParams",
    "RequestRecord",
    "Scope",
    "Settings",
    "SettingsChanges",
    "SignUp",
    "Submission",
    "SubmissionCounts",
    "SubmissionFile",
    "SubmissionStatus",
    "SubmissionSummary",
    "TransactionType",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEndpointChanges",
    "WebhookEndpointParams",
    "WebhookEvent",
    "WebhookEventType",
    "WebhookReplay",
    "WebhookTimings",
]
