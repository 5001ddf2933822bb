package wire

import (
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

const (
	largeOctets = 20_000_000 // more than any buffer on the way, and a frame that real tasks send
	burst       = 5_000      // lines, more than a socket holds
)

var largeFrameBetweenLogs = stage.Spec{
	Slug:     "large-frame-between-logs",
	Says:     "alice's task sends and bob's receives 20 MB between bursts of log lines on all channels: every octet and every line arrives",
	Verifies: []string{"WIRE-017.sent", "WIRE-017.received", "WIRE-017.logs"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Budget:   120 * time.Second,
	Run: func(s *stage.Stage) {
		before, after := s.Nonce(), s.Nonce()
		logged := func(verb stage.Verb) []stage.Verb {
			verbs := append(bursts(before), verb)
			return append(verbs, append(bursts(after), stage.WaitFor("here"))...)
		}
		push := s.Start(stage.Task{As: "alice", Verbs: logged(stage.Payload("large", largeOctets))})
		s.Require("WIRE-017.sent").RunsAs(push, "here", "alice")
		isPayload(s.Require("WIRE-017.sent"), "XCom as the server stored it", s.Stored("large")[push.XCom("large")], largeOctets)
		push.Release("here")
		push.Succeeds()
		complete(s, push, before, after)

		pull := s.Start(stage.Task{As: "bob", Verbs: logged(stage.CheckPayload("probe_alice", "large", largeOctets).Save("seen"))})
		s.Require("WIRE-017.received").RunsAs(pull, "here", "bob")
		s.Require("WIRE-017.received").Equal("XCom as bob received it", pull.Result("seen"), map[string]any{"equal": true, "length": largeOctets})
		pull.Release("here")
		pull.Succeeds()
		complete(s, pull, before, after)
	},
}

// bursts writes so many lines that the channels are full when the next verb begins.
func bursts(mark string) []stage.Verb {
	return stage.Verbs(
		stage.Log("log "+mark).With("count", burst),
		stage.Print("stdout "+mark).With("count", burst),
		stage.PrintError("stderr "+mark).With("count", burst),
	)
}

// complete requires the first and the last line of each burst, each once.
func complete(s *stage.Stage, run *stage.Run, marks ...string) {
	text := run.TaskLog()
	for _, mark := range marks {
		for _, channel := range []string{"log", "stdout", "stderr"} {
			s.Require("WIRE-017.logs").Count("lines of "+channel, text, channel+" "+mark, burst)
			for _, number := range []int{0, burst - 1} {
				s.Require("WIRE-017.logs").Matches("line of "+channel, text, fmt.Sprintf(`%s %s %d\b`, channel, mark, number))
			}
		}
	}
}

// isPayload requires that a value is what the verb payload pushes.
func isPayload(c stage.Check, what string, value any, octets int) {
	text, _ := value.(string)
	if len(text) != octets {
		c.Fails(what, fmt.Sprintf("a text of %d octets", octets), fmt.Sprintf("%T of %d octets", value, len(text)))
	}
	for i := range octets {
		if text[i] != byte('a'+i%26) {
			c.Fails(what, fmt.Sprintf("octet %d is %q", i, rune('a'+i%26)), fmt.Sprintf("it is %q", text[i]))
		}
	}
	whole := fmt.Sprintf("%d octets, octet i being 'a'+i%%26", octets)
	c.True(what, true, whole, whole)
}
