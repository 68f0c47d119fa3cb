// The life of an exam session, from provisioning to the report, by a client that knows nothing but the spec: its types
// are made by openapi-typescript, its requests by openapi-fetch. Prints what it saw as JSON.
import createClient from "openapi-fetch";
import { present, succeeded } from "./results.js";
import type { paths } from "./smarterproctoring.js";

const [baseUrl = "", token = "", installSid = "", integrationSid = "", proctorTypeSid = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { token } });

const provisioned = succeeded(
  await client.POST("/v2/installs/{installSid}/provision", {
    params: { path: { installSid } },
    body: {
      course: { ids: { api: "ts-course" }, title: "Human Anatomy", code: "BIO-110" },
      user: { ids: { api: "ts-user" }, firstName: "Ada", lastName: "Example", email: "ada@example.com", timeZone: null },
      enrollment: { role: "learner" },
      exam: {
        ids: { external: "ts-exam" },
        title: "Midterm Exam",
        limitedScope: true,
        configuration: {
          ids: { api: "ts-configuration" },
          url: "https://exam.example.com/start",
          access: { open: "2030-01-01T00:00:00.000Z", close: "2030-12-31T00:00:00.000Z" },
          duration: 90,
          password: "example-password",
          proctorTypes: { [proctorTypeSid]: { options: {} } },
        },
      },
      signon: { integrationSid },
    },
  }),
);
const examSid = present(provisioned.exam).sid;
const enrollmentSid = present(provisioned.enrollment).sid;

const assigned: string = succeeded(
  await client.PUT("/v1/installs/{installSid}/exams/{examSid}/assignments", {
    params: { path: { installSid, examSid } },
    body: { added: { enrollmentSid: [enrollmentSid] } },
  }),
);

const listed = succeeded(
  await client.GET("/v1/installs/{installSid}/enrollments/{enrollmentSid}/exams/{examSid}/sessions", {
    params: { path: { installSid, enrollmentSid, examSid }, query: { includeActive: true, sortOrder: "ASC" } },
  }),
);
const sessionSid = present(present(listed.results)[0]?.sid);
const session = { params: { path: { installSid, examSid, sessionSid } } };
const SESSION = "/v1/installs/{installSid}/exams/{examSid}/sessions/{sessionSid}";

const booking = {
  type: "b-virtual",
  appointmentDateTime: "2030-03-04T15:30:00.000Z",
  amount: 12.5,
  currency: "USD",
  cardToken: "tok_example",
} as const;
const scheduled = succeeded(await client.POST(SESSION, { ...session, body: booking }));
const refused = await client.POST(SESSION, { ...session, body: booking });
const refusal = refused.error;

const read = succeeded(await client.GET(SESSION, session));
// A string, an object or null: the fields that made other generators' clients raise after a booking.
const course: string | { [key: string]: unknown } | null | undefined = read.course;

const moved: string = succeeded(
  await client.PUT(SESSION, { ...session, body: { appointmentDateTime: "2030-03-05T10:00:00.000Z" } }),
);
const movedTo = succeeded(await client.GET(SESSION, session)).appointmentDate;

const cancelled: string = succeeded(
  await client.DELETE(SESSION, { ...session, body: { cancellationMemo: "The learner has withdrawn" } }),
);

const report = succeeded(
  await client.GET("/v1/installs/{installSid}/reports/serviceDistribution", {
    params: { path: { installSid }, query: { statuses: ["Cancelled"], serviceTypes: ["live"], limit: 5 } },
  }),
);

console.log(
  JSON.stringify({
    results: [provisioned.course.result, present(provisioned.exam).result],
    assigned,
    status: scheduled.status,
    sessionSid,
    scheduledSid: scheduled.sid,
    refusal: [refused.response.status, typeof refusal === "object" ? refusal.message : refusal],
    course: course === null ? "null" : typeof course,
    moved,
    movedTo,
    cancelled,
    statuses: [...new Set(present(report.results).map((row) => row.status))],
  }),
);
