package message

import (
	"bytes"
	"testing"
)

func BenchmarkRequestRoundTrip(b *testing.B) {
	r := Request{ID: 1, Body: &SetXCom{Key: "k", Value: Raw("\xa5value"), DagID: "dag", RunID: "manual__1", TaskID: "task"}}
	b.ReportAllocs()
	for b.Loop() {
		payload, err := EncodeRequest(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeRequest(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeXCom20MB(b *testing.B) {
	payload, err := EncodeRequest(Request{Body: &SetXCom{Value: append(Raw("\xc6\x01\x31\x2d\x00"), bytes.Repeat([]byte("x"), 20_000_000)...)}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := DecodeRequest(payload); err != nil {
			b.Fatal(err)
		}
	}
}
