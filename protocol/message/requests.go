package message

// SkipDownstreamTasks skips tasks that come after this one. It is not terminal:
// SucceedTask follows.
type SkipDownstreamTasks struct {
	Tasks List[SkippedTask] `json:"tasks"`
}

// GetConnection asks for ConnectionResult.
type GetConnection struct {
	ConnID string `json:"conn_id"`
}

// GetVariable asks for VariableResult.
type GetVariable struct {
	Key string `json:"key"`
}

// GetVariableKeys asks for VariableKeysResult.
type GetVariableKeys struct {
	Prefix *string `json:"prefix,omitempty"`
	Limit  *int    `json:"limit,omitempty"` // absent: 1000
	Offset int     `json:"offset,omitzero"`
}

// PutVariable sets a variable. The answer is empty.
type PutVariable struct {
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	Description *string `json:"description"`
}

// DeleteVariable asks for OKResponse.
type DeleteVariable struct {
	Key string `json:"key"`
}

// GetXCom asks for XComResult.
type GetXCom struct {
	Key               string `json:"key"`
	DagID             string `json:"dag_id"`
	RunID             string `json:"run_id"`
	TaskID            string `json:"task_id"`
	MapIndex          *int   `json:"map_index,omitempty"`
	IncludePriorDates bool   `json:"include_prior_dates,omitzero"`
	PreviousIteration bool   `json:"previous_iteration,omitzero" since:"3.4"`
}

// GetXComCount asks for XComCountResponse.
type GetXComCount struct {
	Key               string `json:"key"`
	DagID             string `json:"dag_id"`
	RunID             string `json:"run_id"`
	TaskID            string `json:"task_id"`
	PreviousIteration bool   `json:"previous_iteration,omitzero" since:"3.4"`
}

// GetNumberXComs is GetXComCount as Airflow 3.0 to 3.2 call it, and asks for
// XComLengthResponse. Runners of later releases do not send it.
type GetNumberXComs GetXComCount

// GetXComSequenceItem asks for XComSequenceIndexResult.
type GetXComSequenceItem struct {
	Key               string `json:"key"`
	DagID             string `json:"dag_id"`
	RunID             string `json:"run_id"`
	TaskID            string `json:"task_id"`
	Offset            int    `json:"offset"`
	PreviousIteration bool   `json:"previous_iteration,omitzero" since:"3.4"`
}

// GetXComSequenceSlice asks for XComSequenceSliceResult. It is what xcom_pull
// sends; start, stop and step are those of a Python slice.
type GetXComSequenceSlice struct {
	Key               string `json:"key"`
	DagID             string `json:"dag_id"`
	RunID             string `json:"run_id"`
	TaskID            string `json:"task_id"`
	Start             *int   `json:"start"`
	Stop              *int   `json:"stop"`
	Step              *int   `json:"step"`
	IncludePriorDates bool   `json:"include_prior_dates,omitzero"`
	PreviousIteration bool   `json:"previous_iteration,omitzero" since:"3.4"`
}

// SetXCom stores an XCom value. The answer is empty.
type SetXCom struct {
	Key          string `json:"key"`
	Value        Raw    `json:"value"`
	DagID        string `json:"dag_id"`
	RunID        string `json:"run_id"`
	TaskID       string `json:"task_id"`
	MapIndex     *int   `json:"map_index,omitempty"`
	DagResult    bool   `json:"dag_result,omitzero"`
	MappedLength *int   `json:"mapped_length,omitempty"`
}

// DeleteXCom removes an XCom value. The answer is empty.
type DeleteXCom struct {
	Key      string `json:"key"`
	DagID    string `json:"dag_id"`
	RunID    string `json:"run_id"`
	TaskID   string `json:"task_id"`
	MapIndex *int   `json:"map_index,omitempty"`
}

// GetPrevSuccessfulDagRun asks for PrevSuccessfulDagRunResult. Airflow takes its
// own task instance, whatever the id says.
type GetPrevSuccessfulDagRun struct {
	TIID string `json:"ti_id"` // UUID
}

// GetPreviousDagRun asks for PreviousDagRunResult.
type GetPreviousDagRun struct {
	DagID       string  `json:"dag_id"`
	LogicalDate Time    `json:"logical_date"`
	State       *string `json:"state,omitempty"`
}

// GetPreviousTI asks for PreviousTIResult.
type GetPreviousTI struct {
	DagID       string  `json:"dag_id"`
	TaskID      string  `json:"task_id"`
	LogicalDate *Time   `json:"logical_date,omitempty"`
	MapIndex    *int    `json:"map_index,omitempty"` // absent: -1
	State       *string `json:"state,omitempty"`
}

// GetDagRun asks for DagRunResult.
type GetDagRun struct {
	DagID string `json:"dag_id"`
	RunID string `json:"run_id"`
}

// GetDagRunState asks for DagRunStateResult.
type GetDagRunState struct {
	DagID string `json:"dag_id"`
	RunID string `json:"run_id"`
}

// GetDag asks for DagResult.
type GetDag struct {
	DagID string `json:"dag_id"`
}

// GetDRCount asks for DRCount.
type GetDRCount struct {
	DagID        string   `json:"dag_id"`
	LogicalDates []Time   `json:"logical_dates,omitzero"`
	RunIDs       []string `json:"run_ids,omitzero"`
	States       []string `json:"states,omitzero"`
}

// GetTICount asks for TICount.
type GetTICount struct {
	DagID        string   `json:"dag_id"`
	MapIndex     *int     `json:"map_index,omitempty"`
	TaskIDs      []string `json:"task_ids,omitzero"`
	TaskGroupID  *string  `json:"task_group_id,omitempty"`
	LogicalDates []Time   `json:"logical_dates,omitzero"`
	RunIDs       []string `json:"run_ids,omitzero"`
	States       []string `json:"states,omitzero"`
}

// GetTaskStates asks for TaskStatesResult.
type GetTaskStates struct {
	DagID        string   `json:"dag_id"`
	MapIndex     *int     `json:"map_index,omitempty"`
	TaskIDs      []string `json:"task_ids,omitzero"`
	TaskGroupID  *string  `json:"task_group_id,omitempty"`
	LogicalDates []Time   `json:"logical_dates,omitzero"`
	RunIDs       []string `json:"run_ids,omitzero"`
}

// GetTaskBreadcrumbs asks for TaskBreadcrumbsResult.
type GetTaskBreadcrumbs struct {
	DagID string `json:"dag_id"`
	RunID string `json:"run_id"`
}

// GetTaskRescheduleStartDate asks for TaskRescheduleStartDate.
type GetTaskRescheduleStartDate struct {
	TIID      string `json:"ti_id"`                // UUID
	TryNumber *int   `json:"try_number,omitempty"` // absent: 1
}

// TriggerDagRun starts a run of another Dag and asks for OKResponse.
type TriggerDagRun struct {
	DagID        string  `json:"dag_id"`
	RunID        string  `json:"run_id"`
	LogicalDate  *Time   `json:"logical_date,omitempty"`
	RunAfter     *Time   `json:"run_after,omitempty"`
	Conf         Raw     `json:"conf,omitzero" wire:"map"`
	ResetDagRun  bool    `json:"reset_dag_run,omitzero"`
	PartitionKey *string `json:"partition_key,omitempty"`
	Note         *string `json:"note,omitempty"`
}

// SetExecutionTimeout tells how long the task may take from now on, so that its
// supervisor can end it where it does not do so itself. The answer is empty.
type SetExecutionTimeout struct {
	TimeoutSeconds float64 `json:"timeout_seconds"`
}

// UpdateDagRunNote sets the note of the task's Dag run, or removes it by null. The
// answer is empty.
type UpdateDagRunNote struct {
	TIID string  `json:"ti_id"` // UUID
	Note *string `json:"note"`
}

// SetRenderedFields stores the rendered template fields. The answer is empty.
type SetRenderedFields struct {
	RenderedFields Raw `json:"rendered_fields" wire:"map"`
}

// SetRenderedMapIndex names a mapped task instance. The answer is empty.
type SetRenderedMapIndex struct {
	RenderedMapIndex string `json:"rendered_map_index"`
}

// MaskSecret asks to redact a value from now on. The answer is empty, and the
// body must never be logged.
type MaskSecret struct {
	Value Raw     `json:"value"`
	Name  *string `json:"name,omitempty"`
}

// ResendLoggingFD asks for a new log channel: SentFDs, with one descriptor
// attached to the first byte of the answer.
type ResendLoggingFD struct{}

// CreateHITLDetailPayload asks a person and expects HITLDetailRequestResult. By
// accident of history supervisors may send it as well.
type CreateHITLDetailPayload struct {
	TIID          string       `json:"ti_id"` // UUID
	Options       List[string] `json:"options" wire:"nonempty"`
	Subject       string       `json:"subject"`
	Body          *string      `json:"body,omitempty"`
	Defaults      []string     `json:"defaults,omitzero"`
	Multiple      bool         `json:"multiple,omitzero"`
	Params        Raw          `json:"params,omitzero" wire:"map"`
	AssignedUsers []HITLUser   `json:"assigned_users,omitzero"`
}

// HITLUser is a person who may answer.
type HITLUser struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UpdateHITLDetail belongs to triggers; Airflow answers a task that sends it
// with an error.
type UpdateHITLDetail struct {
	TIID          string       `json:"ti_id"` // UUID
	ChosenOptions List[string] `json:"chosen_options" wire:"nonempty"`
	ParamsInput   Raw          `json:"params_input,omitzero" wire:"map"`
}

// GetHITLDetailResponse belongs to triggers; Airflow answers a task that sends
// it with an error.
type GetHITLDetailResponse struct {
	TIID string `json:"ti_id"` // UUID
}
