package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// answerAboutRuns serves what concerns Dag runs and other task instances.
func (c caller) answerAboutRuns(ctx context.Context, body message.Body) (message.Body, error) {
	switch m := body.(type) {
	case *message.GetPrevSuccessfulDagRun:
		// As Airflow does: of the task instance that runs here, whatever the message says.
		return asMessage(get[message.PrevSuccessfulDagRunResult](ctx, c, nil, c.instance.path("previous-successful-dagrun")...))
	case *message.GetPreviousDagRun:
		q := url.Values{"dag_id": {m.DagID}}
		setTime(q, "logical_date", &m.LogicalDate)
		setString(q, "state", m.State)
		run, err := get[*message.DagRun](ctx, c, q, "dag-runs", "previous")
		if err != nil {
			return nil, err
		}
		return &message.PreviousDagRunResult{DagRun: *run}, nil
	case *message.GetPreviousTI:
		q := url.Values{"map_index": {strconv.Itoa(message.Or(m.MapIndex, -1))}}
		setTime(q, "logical_date", m.LogicalDate)
		setString(q, "state", m.State)
		ti, err := get[*message.PreviousTIResponse](ctx, c, q, "task-instances", "previous", m.DagID, m.TaskID)
		if err != nil {
			return nil, err
		}
		return &message.PreviousTIResult{TaskInstance: *ti}, nil
	case *message.GetDagRun:
		return asMessage(get[message.DagRunResult](ctx, c, nil, "dag-runs", m.DagID, m.RunID))
	case *message.GetDagRunState:
		return asMessage(get[message.DagRunStateResult](ctx, c, nil, "dag-runs", m.DagID, m.RunID, "state"))
	case *message.GetDag:
		return asMessage(get[message.DagResult](ctx, c, nil, "dags", m.DagID))
	case *message.GetDRCount:
		q := url.Values{"dag_id": {m.DagID}}
		setLists(q, m.LogicalDates, m.RunIDs, m.States)
		count, err := get[int](ctx, c, q, "dag-runs", "count")
		if err != nil {
			return nil, err
		}
		return &message.DRCount{Count: *count}, nil
	case *message.GetTICount:
		q := tiQuery(m.DagID, m.MapIndex, m.TaskIDs, m.TaskGroupID)
		setLists(q, m.LogicalDates, m.RunIDs, m.States)
		count, err := get[int](ctx, c, q, "task-instances", "count")
		if err != nil {
			return nil, err
		}
		return &message.TICount{Count: *count}, nil
	case *message.GetTaskStates:
		q := tiQuery(m.DagID, m.MapIndex, m.TaskIDs, m.TaskGroupID)
		setLists(q, m.LogicalDates, m.RunIDs, nil)
		return asMessage(get[message.TaskStatesResult](ctx, c, q, "task-instances", "states"))
	case *message.GetTaskBreadcrumbs:
		q := url.Values{"dag_id": {m.DagID}, "run_id": {m.RunID}}
		return asMessage(get[message.TaskBreadcrumbsResult](ctx, c, q, "task-instances", "breadcrumbs"))
	case *message.GetTaskRescheduleStartDate:
		q := url.Values{"try_number": {strconv.Itoa(message.Or(m.TryNumber, 1))}}
		start, err := get[*message.Time](ctx, c, q, "task-reschedules", m.TIID, "start_date")
		if err != nil {
			return nil, err
		}
		return &message.TaskRescheduleStartDate{StartDate: *start}, nil
	case *message.TriggerDagRun:
		return c.trigger(ctx, m)
	}
	return c.answerAboutAssets(ctx, body)
}

func (c caller) trigger(ctx context.Context, m *message.TriggerDagRun) (message.Body, error) {
	body := struct {
		LogicalDate  *message.Time `json:"logical_date,omitempty"`
		RunAfter     *message.Time `json:"run_after,omitempty"`
		Conf         message.Raw   `json:"conf,omitempty"`
		ResetDagRun  bool          `json:"reset_dag_run,omitempty"`
		PartitionKey *string       `json:"partition_key,omitempty"`
		Note         *string       `json:"note,omitempty"`
	}{m.LogicalDate, m.RunAfter, m.Conf, m.ResetDagRun, m.PartitionKey, m.Note}
	answer, err := c.done(ctx, http.MethodPost, nil, body, "dag-runs", m.DagID, m.RunID)
	if !Answered(err, http.StatusConflict) {
		return answer, err
	}
	if m.ResetDagRun {
		return c.done(ctx, http.MethodPost, nil, struct{}{}, "dag-runs", m.DagID, m.RunID, "clear")
	}
	return &message.ErrorResponse{Error: message.DagRunAlreadyExists}, nil
}

func tiQuery(dag string, mapIndex *int, tasks []string, group *string) url.Values {
	q := url.Values{"dag_id": {dag}}
	setIndex(q, "map_index", mapIndex)
	q["task_ids"] = tasks
	setString(q, "task_group_id", group)
	return q
}

func setLists(q url.Values, dates []message.Time, runs, states []string) {
	for i := range dates {
		one := url.Values{}
		setTime(one, "logical_dates", &dates[i])
		q["logical_dates"] = append(q["logical_dates"], one["logical_dates"]...)
	}
	q["run_ids"] = runs
	q["states"] = states
}
