"""The resources of iSpring Learn: one line for each operation."""

from __future__ import annotations

from invigilate._binding import AsyncRaw, M, RawView, Resource, SyncRaw, operation
from ispring_learn_client.api import (
    access_tokens,
    assignments,
    content,
    departments,
    enrollments,
    gamification,
    groups,
    job_training,
    performance,
    quizzes,
    reports,
    results,
    statistics,
    training_sessions,
    users,
    webhooks,
)


class Users(Resource[M]):
    """People with an account: profiles, roles, status and absences."""

    with_raw_response: RawView[Users[SyncRaw], Users[AsyncRaw]] = RawView()
    list_all_v1 = operation(lambda: users.list_all_users_v1.describe)
    create = operation(lambda: users.create_user.describe)
    get_v1 = operation(lambda: users.get_user_v1.describe)
    update = operation(lambda: users.update_user.describe)
    delete = operation(lambda: users.delete_user.describe)
    find_existing = operation(lambda: users.find_existing_users.describe)
    get = operation(lambda: users.get_user.describe)
    list_all = operation(lambda: users.list_all_users.describe)
    list_v1 = operation(lambda: users.list_users_v1.describe)
    list = operation(lambda: users.list_users.describe)
    list_profile_fields = operation(lambda: users.list_user_profile_fields.describe)
    update_password = operation(lambda: users.update_user_password.describe)
    update_status = operation(lambda: users.update_user_status.describe)
    update_subordination = operation(lambda: users.update_user_subordination.describe)
    schedule_deactivation = operation(lambda: users.schedule_user_deactivation.describe)
    cancel_deactivation = operation(lambda: users.cancel_user_deactivation.describe)
    schedule_termination = operation(lambda: users.schedule_user_termination.describe)
    cancel_termination = operation(lambda: users.cancel_user_termination.describe)
    remove_from_groups = operation(lambda: users.remove_user_from_groups.describe)
    list_roles = operation(lambda: users.list_roles.describe)
    activate = operation(lambda: users.activate_users.describe)
    deactivate = operation(lambda: users.deactivate_users.describe)
    terminate = operation(lambda: users.terminate_users.describe)
    search = operation(lambda: users.search_users.describe)
    update_work_leave = operation(lambda: users.update_work_leave.describe)
    delete_work_leave = operation(lambda: users.delete_work_leave.describe)


class Departments(Resource[M]):
    """The tree of departments."""

    with_raw_response: RawView[Departments[SyncRaw], Departments[AsyncRaw]] = RawView()
    list = operation(lambda: departments.list_departments.describe)
    list_all = operation(lambda: departments.list_all_departments.describe)
    create = operation(lambda: departments.create_department.describe)
    get = operation(lambda: departments.get_department.describe)
    update = operation(lambda: departments.update_department.describe)
    delete = operation(lambda: departments.delete_department.describe)
    update_subordination = operation(lambda: departments.update_department_subordination.describe)
    move_users = operation(lambda: departments.move_users_to_department.describe)
    move = operation(lambda: departments.move_departments.describe)


class Groups(Resource[M]):
    """Groups of users, and smart groups, whose users follow rules."""

    with_raw_response: RawView[Groups[SyncRaw], Groups[AsyncRaw]] = RawView()
    list = operation(lambda: groups.list_groups.describe)
    list_all = operation(lambda: groups.list_all_groups.describe)
    create = operation(lambda: groups.create_group.describe)
    get = operation(lambda: groups.get_group.describe)
    update = operation(lambda: groups.update_group.describe)
    delete = operation(lambda: groups.delete_group.describe)
    update_members = operation(lambda: groups.update_group_members.describe)
    create_smart = operation(lambda: groups.create_smart_group.describe)
    update_smart = operation(lambda: groups.update_smart_group.describe)
    get_smart_rules = operation(lambda: groups.get_smart_group_rules.describe)


class Enrollments(Resource[M]):
    """Enrollments of users in courses."""

    with_raw_response: RawView[Enrollments[SyncRaw], Enrollments[AsyncRaw]] = RawView()
    list = operation(lambda: enrollments.list_enrollments.describe)
    search = operation(lambda: enrollments.search_enrollments.describe)
    list_all = operation(lambda: enrollments.list_all_enrollments.describe)
    create = operation(lambda: enrollments.create_enrollments.describe)
    get = operation(lambda: enrollments.get_enrollment.describe)
    update = operation(lambda: enrollments.update_enrollment.describe)
    reenroll = operation(lambda: enrollments.reenroll.describe)
    delete = operation(lambda: enrollments.delete_enrollments.describe)


class Content(Resource[M]):
    """Courses, learning tracks and other content."""

    with_raw_response: RawView[Content[SyncRaw], Content[AsyncRaw]] = RawView()
    list = operation(lambda: content.list_content.describe)
    list_all = operation(lambda: content.list_all_content.describe)
    get = operation(lambda: content.get_content.describe)
    create = operation(lambda: content.create_content.describe)
    list_final_statuses = operation(lambda: content.list_final_statuses.describe)
    list_modules = operation(lambda: content.list_course_modules.describe)
    list_courses_modules = operation(lambda: content.list_courses_modules.describe)
    list_course_fields = operation(lambda: content.list_course_fields.describe)
    get_tree = operation(lambda: content.get_courses_tree.describe)
    list_learning_track_courses = operation(lambda: content.list_learning_track_courses.describe)


class Results(Resource[M]):
    """Progress and results of users, and their certificates."""

    with_raw_response: RawView[Results[SyncRaw], Results[AsyncRaw]] = RawView()
    list = operation(lambda: results.list_results.describe)
    list_modules = operation(lambda: results.list_module_results.describe)
    get_certificate = operation(lambda: results.get_certificate.describe)


class Reports(Resource[M]):
    """Activity of users and responses to quiz questions."""

    with_raw_response: RawView[Reports[SyncRaw], Reports[AsyncRaw]] = RawView()
    active_users = operation(lambda: reports.get_active_users.describe)
    answer_breakdown = operation(lambda: reports.list_answer_breakdown.describe)


class Statistics(Resource[M]):
    """Status of courses and modules, set or reset by hand."""

    with_raw_response: RawView[Statistics[SyncRaw], Statistics[AsyncRaw]] = RawView()
    update_course_status = operation(lambda: statistics.update_course_status.describe)
    update_module_statuses = operation(lambda: statistics.update_module_statuses.describe)
    reset_modules = operation(lambda: statistics.reset_module_statistics.describe)
    get_task_status = operation(lambda: statistics.get_task_status.describe)


class TrainingSessions(Resource[M]):
    """Instructor-led trainings, their sessions, days and participants."""

    with_raw_response: RawView[TrainingSessions[SyncRaw], TrainingSessions[AsyncRaw]] = RawView()
    get_training = operation(lambda: training_sessions.get_training.describe)
    list = operation(lambda: training_sessions.list_training_sessions.describe)
    get = operation(lambda: training_sessions.get_training_session.describe)
    list_participants = operation(lambda: training_sessions.list_participants.describe)
    get_day = operation(lambda: training_sessions.get_training_day.describe)
    update_day = operation(lambda: training_sessions.update_training_day.describe)
    update_attendance = operation(lambda: training_sessions.update_attendance.describe)


class Assignments(Resource[M]):
    """Assignments and the grading of attempts."""

    with_raw_response: RawView[Assignments[SyncRaw], Assignments[AsyncRaw]] = RawView()
    list = operation(lambda: assignments.list_assignments.describe)
    list_ungraded_attempts = operation(lambda: assignments.list_ungraded_attempts.describe)
    grade = operation(lambda: assignments.grade_attempts.describe)


class Quizzes(Resource[M]):
    """Quizzes."""

    with_raw_response: RawView[Quizzes[SyncRaw], Quizzes[AsyncRaw]] = RawView()
    list = operation(lambda: quizzes.list_quizzes.describe)


class Gamification(Resource[M]):
    """Points that users earn."""

    with_raw_response: RawView[Gamification[SyncRaw], Gamification[AsyncRaw]] = RawView()
    list_points = operation(lambda: gamification.list_points.describe)
    award_points = operation(lambda: gamification.award_points.describe)
    withdraw_points = operation(lambda: gamification.withdraw_points.describe)


class Webhooks(Resource[M]):
    """Subscribers, to whose URL events are sent; `invigilate.ispring.webhooks` receives them."""

    with_raw_response: RawView[Webhooks[SyncRaw], Webhooks[AsyncRaw]] = RawView()
    register = operation(lambda: webhooks.register_webhook.describe)
    send_code = operation(lambda: webhooks.send_webhook_code.describe)
    confirm = operation(lambda: webhooks.confirm_webhook.describe)
    subscribe = operation(lambda: webhooks.subscribe_webhook.describe)
    unsubscribe = operation(lambda: webhooks.unsubscribe_webhook.describe)
    list_subscriptions = operation(lambda: webhooks.list_subscriptions.describe)
    get_subscriber = operation(lambda: webhooks.get_subscriber.describe)
    update_settings = operation(lambda: webhooks.update_webhook_settings.describe)
    enable = operation(lambda: webhooks.enable_webhook.describe)
    disable = operation(lambda: webhooks.disable_webhook.describe)
    remove = operation(lambda: webhooks.remove_webhook.describe)


class Performance(Resource[M]):
    """Competencies and 360-degree reviews."""

    with_raw_response: RawView[Performance[SyncRaw], Performance[AsyncRaw]] = RawView()
    list_scales = operation(lambda: performance.list_competency_scales.describe)
    create_scale = operation(lambda: performance.create_competency_scale.describe)
    update_scale = operation(lambda: performance.update_competency_scale.describe)
    list_competency_groups = operation(lambda: performance.list_competency_groups.describe)
    create_competency_group = operation(lambda: performance.create_competency_group.describe)
    rename_competency_group = operation(lambda: performance.rename_competency_group.describe)
    move_competency_groups = operation(lambda: performance.move_competency_groups.describe)
    move_competencies = operation(lambda: performance.move_competencies.describe)
    list_competencies = operation(lambda: performance.list_competencies.describe)
    create_competency = operation(lambda: performance.create_competency.describe)
    update_competency = operation(lambda: performance.update_competency.describe)
    create_indicator = operation(lambda: performance.create_indicator.describe)
    update_indicator = operation(lambda: performance.update_indicator.describe)
    list_profiles = operation(lambda: performance.list_competency_profiles.describe)
    list_sessions = operation(lambda: performance.list_appraisals.describe)
    create_session = operation(lambda: performance.create_appraisal.describe)
    get_session = operation(lambda: performance.get_appraisal.describe)
    update_session = operation(lambda: performance.update_appraisal.describe)
    start_session = operation(lambda: performance.start_appraisal.describe)
    restart_session = operation(lambda: performance.restart_appraisal.describe)
    complete_session = operation(lambda: performance.complete_appraisal.describe)
    get_results = operation(lambda: performance.get_appraisal_results.describe)
    list_reviews = operation(lambda: performance.list_appraisal_reviews.describe)
    list_employee_cards = operation(lambda: performance.list_employee_cards.describe)
    add_employee_cards = operation(lambda: performance.add_employee_cards.describe)
    remove_employee_cards = operation(lambda: performance.remove_employee_cards.describe)
    replace_reviewers = operation(lambda: performance.replace_reviewers.describe)
    remove_reviewers = operation(lambda: performance.remove_reviewers.describe)
    list_session_competencies = operation(lambda: performance.list_appraisal_competencies.describe)
    list_user_attributes = operation(lambda: performance.list_user_attributes.describe)
    add_question = operation(lambda: performance.add_question.describe)
    update_question = operation(lambda: performance.update_question.describe)
    reorder_questions = operation(lambda: performance.reorder_questions.describe)
    remove_question = operation(lambda: performance.remove_question.describe)
    add_permissions = operation(lambda: performance.add_permissions.describe)
    remove_permissions = operation(lambda: performance.remove_permissions.describe)
    update_notifications = operation(lambda: performance.update_notifications.describe)


class JobTraining(Resource[M]):
    """On-the-job training sessions and their results."""

    with_raw_response: RawView[JobTraining[SyncRaw], JobTraining[AsyncRaw]] = RawView()
    list_session_results = operation(lambda: job_training.list_session_results.describe)
    list_checklist_sessions = operation(lambda: job_training.list_checklist_sessions.describe)
    list_criterion_group_results = operation(lambda: job_training.list_criterion_group_results.describe)
    list_criterion_results = operation(lambda: job_training.list_criterion_results.describe)


class AccessTokens(Resource[M]):
    """Access tokens; clients fetch and renew them by themselves."""

    with_raw_response: RawView[AccessTokens[SyncRaw], AccessTokens[AsyncRaw]] = RawView()
    create = operation(lambda: access_tokens.create_access_token.describe)
