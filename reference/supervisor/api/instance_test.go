package api

import (
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

func TestStateBodies(t *testing.T) {
	end := message.At(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC))
	reason := "r"
	kwargs, err := message.RawOf(map[string]any{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	for want, body := range map[string]message.Body{
		`{"state":"success","end_date":"2026-01-02T03:04:05.000006Z"}`:                                                           &message.SucceedTask{EndDate: end},
		`{"state":"skipped","end_date":"2026-01-02T03:04:05.000006Z","rendered_map_index":null}`:                                 &message.TaskState{State: "skipped", EndDate: &end, RetryReason: &reason},
		`{"state":"up_for_retry","end_date":"2026-01-02T03:04:05.000006Z","retry_reason":"r"}`:                                   &message.RetryTask{EndDate: end, RetryReason: &reason},
		`{"state":"up_for_reschedule","reschedule_date":"2026-01-02T03:04:05.000006Z","end_date":"2026-01-02T03:04:05.000006Z"}`: &message.RescheduleTask{RescheduleDate: end, EndDate: end},
		`{"state":"deferred","classpath":"c","trigger_kwargs":{"a":1},"next_method":"m"}`:                                        &message.DeferTask{Classpath: "c", NextMethod: "m", TriggerKwargs: kwargs},
	} {
		got, err := StateBody(body)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
