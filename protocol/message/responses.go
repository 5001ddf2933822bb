package message

// ConnectionResponse is a connection; password and extra are secrets.
type ConnectionResponse struct {
	ConnID   string  `json:"conn_id"`
	ConnType string  `json:"conn_type"`
	Host     *string `json:"host"`
	Schema   *string `json:"schema"`
	Login    *string `json:"login"`
	Password *string `json:"password"`
	Port     *int    `json:"port"`
	Extra    *string `json:"extra"` // a JSON object, as text
}

// ConnectionResult answers GetConnection.
type ConnectionResult ConnectionResponse

// VariableResponse is a variable; its value may be a secret.
type VariableResponse struct {
	Key   string  `json:"key"`
	Value *string `json:"value"`
}

// VariableResult answers GetVariable.
type VariableResult VariableResponse

// VariableKeysResult answers GetVariableKeys.
type VariableKeysResult struct {
	Keys         List[string] `json:"keys"`
	TotalEntries int          `json:"total_entries"`
}

// XComResult answers GetXCom. The value is null where there is none.
type XComResult struct {
	Key   string `json:"key"`
	Value Raw    `json:"value" wire:"optional"`
}

// XComCountResponse answers GetXComCount.
type XComCountResponse struct {
	Len int `json:"len"`
}

// XComLengthResponse answers GetNumberXComs.
type XComLengthResponse XComCountResponse

// XComSequenceIndexResult answers GetXComSequenceItem.
type XComSequenceIndexResult struct {
	Root Raw `json:"root"`
}

// XComSequenceSliceResult answers GetXComSequenceSlice.
type XComSequenceSliceResult struct {
	Root List[Raw] `json:"root"`
}

// DagRunResult answers GetDagRun.
type DagRunResult DagRun

// DagRunStateResult answers GetDagRunState.
type DagRunStateResult struct {
	State string `json:"state"` // such as RunRunning
}

// PreviousDagRunResult answers GetPreviousDagRun.
type PreviousDagRunResult struct {
	DagRun *DagRun `json:"dag_run,omitempty"`
}

// PreviousTIResult answers GetPreviousTI.
type PreviousTIResult struct {
	TaskInstance *PreviousTIResponse `json:"task_instance,omitempty"`
}

// PreviousTIResponse is an earlier instance of a task.
type PreviousTIResponse struct {
	TaskID      string   `json:"task_id"`
	DagID       string   `json:"dag_id"`
	RunID       string   `json:"run_id"`
	LogicalDate *Time    `json:"logical_date,omitempty"`
	StartDate   *Time    `json:"start_date,omitempty"`
	EndDate     *Time    `json:"end_date,omitempty"`
	State       *string  `json:"state,omitempty"`
	TryNumber   int      `json:"try_number"`
	MapIndex    *int     `json:"map_index,omitempty"`             // absent: -1
	Duration    *float64 `json:"duration,omitempty"`              // seconds
	RegionID    *string  `json:"region_id,omitempty" since:"3.4"` // UUID
	RegionIndex *int     `json:"region_index,omitempty" since:"3.4"`
}

// PrevSuccessfulDagRunResult answers GetPrevSuccessfulDagRun.
type PrevSuccessfulDagRunResult struct {
	DataIntervalStart *Time `json:"data_interval_start,omitempty"`
	DataIntervalEnd   *Time `json:"data_interval_end,omitempty"`
	StartDate         *Time `json:"start_date,omitempty"`
	EndDate           *Time `json:"end_date,omitempty"`
}

// DagResult answers GetDag.
type DagResult struct {
	DagID           string       `json:"dag_id"`
	IsPaused        bool         `json:"is_paused"`
	BundleName      *string      `json:"bundle_name"`
	BundleVersion   *string      `json:"bundle_version"`
	RelativeFileloc *string      `json:"relative_fileloc"`
	Owners          *string      `json:"owners"`
	Tags            List[string] `json:"tags"`
	NextDagrun      *Time        `json:"next_dagrun"`
}

// DRCount answers GetDRCount.
type DRCount struct {
	Count int `json:"count"`
}

// TICount answers GetTICount.
type TICount struct {
	Count int `json:"count"`
}

// TaskStatesResult answers GetTaskStates: states by run and task.
type TaskStatesResult struct {
	TaskStates Raw `json:"task_states" wire:"map"`
}

// TaskBreadcrumbsResult answers GetTaskBreadcrumbs.
type TaskBreadcrumbsResult struct {
	Breadcrumbs List[Raw] `json:"breadcrumbs"` // maps
}

// TaskRescheduleStartDate answers GetTaskRescheduleStartDate.
type TaskRescheduleStartDate struct {
	StartDate *Time `json:"start_date"`
}

// HITLDetailRequestResult answers CreateHITLDetailPayload.
type HITLDetailRequestResult CreateHITLDetailPayload

// OKResponse answers requests that have nothing else to tell.
type OKResponse struct {
	OK bool `json:"ok"`
}

// SentFDs answers ResendLoggingFD. The numbers are the sender's; the receiver
// replaces them by the descriptors that came with the first byte.
type SentFDs struct {
	FDs List[int] `json:"fds"`
}
