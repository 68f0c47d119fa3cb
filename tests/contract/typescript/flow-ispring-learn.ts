// From a department to the events of its learner, by a client that knows nothing but the spec: its types, those of the
// events included, are made by openapi-typescript, its requests by openapi-fetch. Prints what it saw as JSON.
import { createServer } from "node:http";
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./ispring-learn.js";
import { accepted, present, succeeded } from "./results.js";

const [baseUrl = "", clientId = "", clientSecret = "", courseId = ""] = process.argv.slice(2);

type Delivered = { [Type in keyof webhooks]: webhooks[Type] extends Delivery<infer Body> ? Body : never }[keyof webhooks];
type Delivery<Body> = { post: { requestBody: { content: { "application/json": Body } } } };

const received: Delivered[] = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) {
    body += part.toString();
  }
  received.push(JSON.parse(body));
  response.writeHead(200).end();
});
const port = await new Promise<number>((resolve) => {
  receiver.listen(0, "127.0.0.1", () => resolve(receiver.address().port));
});

/** The first event of a type, once it is delivered. */
async function event<Type extends Delivered["type"]>(type: Type) {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const found = received.find((each): each is Extract<Delivered, { type: Type }> => each.type === type);
    if (found) {
      return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${type} was not delivered`);
}

/** A message of an event: an object, or a string that holds it. */
function message<T>(payloads: T[]): T {
  const payload = present(payloads[0]);
  return typeof payload === "string" ? JSON.parse(payload) : payload;
}

const client = createClient<paths>({ baseUrl });
const token = succeeded(
  await client.POST("/api/v3/token", {
    body: { client_id: clientId, client_secret: clientSecret, grant_type: "client_credentials" },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  }),
);
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token.access_token}`);
  },
});

const subscriberName = "ts";
const callbackUrl = `http://127.0.0.1:${port}/events`;
accepted(await client.POST("/webhook/register", { body: { subscriberName, callbackUrl, secret: "a-secret" } }));
accepted(await client.POST("/webhook/code/send", { body: { subscriberName } }));
// The one message that is documented as a string.
const confirmation: components["schemas"]["WebhookConfirmationEvent"] = JSON.parse(
  present((await event("CONFIRMATION")).payloads[0]),
);
accepted(await client.POST("/webhook/confirm", { body: { subscriberName, code: confirmation.code } }));
for (const subscriptionType of ["USER_REGISTERED", "COURSE_COMPLETED_SUCCESSFULLY"] as const) {
  accepted(await client.POST("/webhook/subscribe", { body: { subscriberName, subscription: { subscriptionType } } }));
}
const subscriber = succeeded(await client.GET("/webhook/subscriber/info", { params: { query: { subscriberName } } }));

const root = present(succeeded(await client.GET("/department"))[0]);
const departmentId = succeeded(
  await client.POST("/department", { body: { name: "Bakery", parentDepartmentId: present(root.departmentId) } }),
);
const newUser = { departmentId, fields: { login: "noa", email: "noa@example.com" } };
const userId = succeeded(await client.POST("/user", { body: newUser }));
const refused = await client.POST("/user", { body: newUser });
const registered = message((await event("USER_REGISTERED")).payloads);

accepted(
  await client.POST("/enrollment", {
    body: { courseIds: [courseId], learnerIds: [userId], dueDateType: "unlimited" },
  }),
);
const enrolled = succeeded(await client.GET("/enrollments", { params: { query: { "learnerIds[]": [userId] } } }));
const enrollment = present(enrolled.enrollments[0]);
const task = succeeded(
  await client.POST("/statistics/course", {
    params: {
      query: {
        courseId,
        "enrollmentIds[]": [present(enrollment.enrollmentId)],
        status: "passed",
        date: "2026-03-20",
      },
    },
  }),
);
const { status } = succeeded(
  await client.GET("/task/{taskId}/status", { params: { path: { taskId: present(task.taskId) } } }),
);
const results = succeeded(
  await client.GET("/learners/results", {
    params: { query: { "userIds[]": [userId], "completionStatuses[]": ["passed"] } },
  }),
);
const completed = message((await event("COURSE_COMPLETED_SUCCESSFULLY")).payloads);

const users = new Set<string>();
for (let pageToken: string | null | undefined, more = true; more; more = Boolean(pageToken)) {
  const query = { pageSize: 50, ...(pageToken ? { pageToken } : {}) };
  const page = succeeded(await client.GET("/users/v2", { params: { query } }));
  page.userProfiles.forEach((each) => users.add(present(each.userId)));
  pageToken = page.nextPageToken;
}
receiver.closeAllConnections();
receiver.close();

console.log(
  JSON.stringify({
    subscriber: subscriber.subscriberStatus,
    userId,
    refusal: refused.response.status,
    registered: registered.userId,
    status,
    progress: results.results.map((each) => [each.userId, each.progress]),
    completed: completed.learnerId,
    users: users.size,
  }),
);
