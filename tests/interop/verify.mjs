// Verifies requests with the Node libraries, unchanged: one JSON line in, one JSON line out.
//
// In:  {"library", "headers": {name: value}, "body": base64, "secret"}
// Out: {"verdict": "verified" | "refused" | "crashed", "event_id", "reason"}
//
// The first argument is the directory that holds node_modules.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { resolve } from "node:path";

const require = createRequire(resolve(process.argv[2], "package.json"));
const Stripe = require("stripe");
const standardwebhooks = require("standardwebhooks");
const svix = require("svix");

// A client makes no request unless it is asked for one; the key is no one's.
const stripe = new Stripe("sk_test_unused");

const libraries = {
  stripe: {
    verify: ({ headers, body, secret }) =>
      stripe.webhooks.constructEvent(body, headers["x-firsthandapi-signature"], secret).id,
    refuses: (error) => error instanceof Stripe.errors.StripeSignatureVerificationError,
  },
  standardwebhooks: {
    verify: ({ headers, body, secret }) =>
      new standardwebhooks.Webhook(secret).verify(body, headers).id,
    refuses: (error) => error instanceof standardwebhooks.WebhookVerificationError,
  },
  svix: {
    verify: ({ headers, body, secret }) => new svix.Webhook(secret).verify(body, headers).id,
    refuses: (error) => error instanceof svix.WebhookVerificationError,
  },
};

function judge(request) {
  const library = libraries[request.library];
  try {
    const event_id = library.verify({ ...request, body: Buffer.from(request.body, "base64") });
    return { verdict: "verified", event_id, reason: "" };
  } catch (error) {
    const verdict = library.refuses(error) ? "refused" : "crashed";
    return { verdict, event_id: null, reason: String(error.message).split("\n")[0] };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(judge(JSON.parse(line)))}\n`);
}
