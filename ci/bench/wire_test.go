package main

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// connected runs a peer in this process.
func connected(t *testing.T, kind string) net.Conn {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		if ends[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- peers[kind](ends[1]) }()
	t.Cleanup(func() {
		ends[0].Close()
		if err := <-ended; err == nil {
			t.Error("the peer ended without the end of its stream")
		}
		ends[1].Close()
	})
	return ends[0]
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
