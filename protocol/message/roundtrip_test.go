package message

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/strict"
)

func TestRequestsComeBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Request{ID: rapid.Int64Min(0).Draw(t, "id"), Body: bodies(ToSupervisor).Draw(t, "body")}
		if rapid.Bool().Draw(t, "traced") {
			want.Carrier = rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "carrier")
		}
		payload, err := EncodeRequest(want)
		if err != nil {
			t.Fatal(err)
		}
		if problems := strict.CheckRequest(payload); problems != nil {
			t.Fatalf("%x: %v", payload, problems)
		}
		got, err := DecodeRequest(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-sent +received):\n%s", diff)
		}
	})
}

func TestResponsesComeBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Response{ID: rapid.Int64Min(0).Draw(t, "id")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			want.Body = bodies(ToRunner).Draw(t, "body")
		case 1:
			want.Err = &ErrorResponse{Error: ErrorCode(rapid.String().Draw(t, "code")), Detail: rawValues(true).Draw(t, "detail")}
		}
		payload, err := EncodeResponse(want)
		if err != nil {
			t.Fatal(err)
		}
		if problems := strict.CheckResponse(payload); problems != nil {
			t.Fatalf("%x: %v", payload, problems)
		}
		got, err := DecodeResponse(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-sent +received):\n%s", diff)
		}
	})
}

// The HTTP side uses the same structs through encoding/json.
func TestBodiesComeBackEqualThroughJSON(t *testing.T) {
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		t.Run(d.String(), rapid.MakeCheck(func(t *rapid.T) {
			want := bodies(d).Draw(t, "body")
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := New(d, want.MessageType())
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, got); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-sent +received):\n%s", text, diff)
			}
		}))
	}
}

func TestJSONAndMessagePackHaveTheSameKeys(t *testing.T) {
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		t.Run(d.String(), rapid.MakeCheck(func(t *rapid.T) {
			body := bodies(d).Draw(t, "body")
			wire, err := appendBody(nil, body)
			if err != nil {
				t.Fatal(err)
			}
			fromWire, err := Raw(wire).Value()
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			var fromJSON map[string]any
			if err := json.Unmarshal(text, &fromJSON); err != nil {
				t.Fatal(err)
			}
			delete(fromWire.(map[string]any), "type")
			keys := cmp.Transformer("keys", func(m map[string]any) map[string]bool {
				set := map[string]bool{}
				for k := range m {
					set[k] = true
				}
				return set
			})
			if diff := cmp.Diff(fromWire.(map[string]any), fromJSON, keys); diff != "" {
				t.Fatalf("(-MessagePack +JSON):\n%s", diff)
			}
		}))
	}
}
