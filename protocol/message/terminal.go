package message

import "fmt"

// The states that a terminal message asks for.
const (
	StateSuccess         = "success"
	StateFailed          = "failed"
	StateSkipped         = "skipped"
	StateRemoved         = "removed"
	StateUpForRetry      = "up_for_retry"
	StateDeferred        = "deferred"
	StateAwaitingInput   = "awaiting_input"
	StateUpForReschedule = "up_for_reschedule"
)

type (
	success         struct{}
	upForRetry      struct{}
	deferred        struct{}
	awaitingInput   struct{}
	upForReschedule struct{}
)

func (success) value() string         { return StateSuccess }
func (upForRetry) value() string      { return StateUpForRetry }
func (deferred) value() string        { return StateDeferred }
func (awaitingInput) value() string   { return StateAwaitingInput }
func (upForReschedule) value() string { return StateUpForReschedule }

// EndState is the state of a TaskState: failed, skipped or removed.
type EndState string

func (s *EndState) appendWire(dst []byte) ([]byte, error) { return appendString(dst, string(*s)) }

func (s *EndState) decodeWire(d *decoder) error {
	text, err := d.str()
	if err != nil {
		return err
	}
	switch string(text) {
	case StateFailed, StateSkipped, StateRemoved:
		*s = EndState(text)
		return nil
	}
	return fmt.Errorf("expected failed, skipped or removed, got %.60q", text)
}

// TaskState ends a task as failed, skipped or removed. Airflow only notes it and
// tells the server once the process is gone.
type TaskState struct {
	State            EndState             `json:"state"`
	EndDate          *Time                `json:"end_date,omitempty"`
	RenderedMapIndex *string              `json:"rendered_map_index,omitempty"`
	RetryReason      *string              `json:"retry_reason,omitempty" since:"3.4"`
	LoopDecision     *LoopDecisionPayload `json:"loop_decision,omitempty" since:"3.4"`
}

// LoopDecisionPayload is what the gate of a loop found: whether it ends here.
type LoopDecisionPayload struct {
	Stop   bool    `json:"stop"`
	Reason *string `json:"reason,omitempty"`
}

// SucceedTask ends a task as success and names the assets it produced.
type SucceedTask struct {
	State            Fixed[success]       `json:"state" wire:"optional"`
	EndDate          Time                 `json:"end_date"`
	TaskOutlets      []AssetProfile       `json:"task_outlets,omitzero"`
	OutletEvents     []Raw                `json:"outlet_events,omitzero"` // maps
	RenderedMapIndex *string              `json:"rendered_map_index,omitempty"`
	LoopDecision     *LoopDecisionPayload `json:"loop_decision,omitempty" since:"3.4"`
}

// RetryTask ends an attempt that shall be repeated.
type RetryTask struct {
	State             Fixed[upForRetry] `json:"state" wire:"optional"`
	EndDate           Time              `json:"end_date"`
	RenderedMapIndex  *string           `json:"rendered_map_index,omitempty"`
	RetryDelaySeconds *float64          `json:"retry_delay_seconds,omitempty"`
	RetryReason       *string           `json:"retry_reason,omitempty"`
}

// DeferTask ends the process and lets a trigger wait in its place.
type DeferTask struct {
	State            Fixed[deferred] `json:"state" wire:"optional"`
	Classpath        string          `json:"classpath"`
	TriggerKwargs    Raw             `json:"trigger_kwargs,omitzero"`   // map or string
	TriggerTimeout   *string         `json:"trigger_timeout,omitempty"` // ISO 8601 duration
	Queue            *string         `json:"queue,omitempty"`
	NextMethod       string          `json:"next_method"`
	NextKwargs       Raw             `json:"next_kwargs,omitzero" wire:"map"`
	RenderedMapIndex *string         `json:"rendered_map_index,omitempty"`
}

// AwaitInputTask ends the process until a person has answered.
type AwaitInputTask struct {
	State            Fixed[awaitingInput] `json:"state" wire:"optional"`
	Timeout          *string              `json:"timeout,omitempty"` // ISO 8601 duration
	NextMethod       string               `json:"next_method"`
	NextKwargs       Raw                  `json:"next_kwargs,omitzero" wire:"map"`
	RenderedMapIndex *string              `json:"rendered_map_index,omitempty"`
}

// RescheduleTask ends the process until a time.
type RescheduleTask struct {
	State          Fixed[upForReschedule] `json:"state" wire:"optional"`
	RescheduleDate Time                   `json:"reschedule_date"`
	EndDate        Time                   `json:"end_date"`
}

// TerminalState returns the state that body asks for, if body is one of the
// messages of which a runner sends exactly one, as its last.
func TerminalState(body Body) (state string, terminal bool) {
	switch b := body.(type) {
	case *TaskState:
		return string(b.State), true
	case *SucceedTask:
		return b.State.text(), true
	case *RetryTask:
		return b.State.text(), true
	case *DeferTask:
		return b.State.text(), true
	case *AwaitInputTask:
		return b.State.text(), true
	case *RescheduleTask:
		return b.State.text(), true
	}
	return "", false
}
