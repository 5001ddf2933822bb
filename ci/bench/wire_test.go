package main

import (
	"net"
	"os"
	"testing"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// connected runs a peer in this process.
func connected(t *testing.T, kind string) net.Conn {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	ended := make(chan error, 1)
	go func() { ended <- peers[kind](far) }()
	t.Cleanup(func() {
		ours.Close()
		if err := <-ended; err != nil && !channel.Ended(err) {
			t.Errorf("the peer ended with %v, want the end of its stream", err)
		}
		far.Close()
	})
	return ours
}

func TestBothSidesOfARoundTripExchangeTheSameSizes(t *testing.T) {
	asked, answered, err := exchangedSizes()
	if err != nil {
		t.Fatal(err)
	}
	if last, err := message.EncodeRequest(tripRequest(firstTrip + tripsAPair - 1)); err != nil || len(last)+4 != asked {
		t.Errorf("the last request has %d octets, the first %d: %v", len(last)+4, asked, err)
	}
	if s, err := askRequests(connected(t, "answer")); err != nil || s.took <= 0 {
		t.Errorf("requests: %v, %v", s, err)
	}
	if s, err := ping(connected(t, "pong"), asked, answered); err != nil || s.took <= 0 {
		t.Errorf("ping-pong: %v, %v", s, err)
	}
}

func TestLargeFrameArrivesWhole(t *testing.T) {
	conn := connected(t, "send")
	for range 2 {
		if s, err := receive(conn, readLarge); err != nil || s.took <= 0 {
			t.Errorf("%v, %v", s, err)
		}
	}
}

func TestMemoryOfAProcess(t *testing.T) {
	m, err := memoryOf(os.Getpid())
	if err != nil || m.share < 1<<20 || m.own < 1<<18 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := memoryOf(0); err == nil {
		t.Error("there is no pid 0")
	}
}
