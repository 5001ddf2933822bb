package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// fakeEngine answers the few requests that a process makes.
type fakeEngine struct {
	removal int                                  // status of the answer to DELETE
	end     <-chan string                        // the answer to wait; closed to break the connection
	play    func(in io.Reader, stdout io.Writer) // the container's side of attach
	client  client.APIClient
}

func (f *fakeEngine) start(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE /{version}/containers/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(f.removal)
	})
	mux.HandleFunc("POST /{version}/containers/{id}/wait", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		select {
		case text := <-f.end:
			io.WriteString(w, text)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /{version}/containers/{id}/attach", func(w http.ResponseWriter, _ *http.Request) {
		conn, stream, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		f.play(stream, conn)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	engine, err := client.New(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	f.client = engine
}

// frame is what an engine sends for a piece of output.
func frame(kind stdcopy.StdType, text string) string {
	n := len(text)
	return string([]byte{byte(kind), 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + text
}

// echo answers the plan with one event and one diagnostic, then waits for the end of the life line.
func echo(in io.Reader, out io.Writer) {
	lines := bufio.NewReader(in)
	line, _ := lines.ReadString('\n')
	fmt.Fprint(out, frame(stdcopy.Stdout, "event: "+line), frame(stdcopy.Stderr, "a word"))
	io.Copy(io.Discard, lines)
}

func TestProcessCarriesPlanEventsAndDiagnostics(t *testing.T) {
	end := make(chan string, 1)
	f := &fakeEngine{end: end, play: echo}
	f.start(t)
	p, err := attach(t.Context(), f.client, "0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.tell(t.Context(), []byte("plan\n")); err != nil {
		t.Fatal(err)
	}
	events := bufio.NewReader(p.Events())
	if line, err := events.ReadString('\n'); err != nil || line != "event: plan\n" {
		t.Errorf("event %q, error %v", line, err)
	}
	if err := p.End(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(events); err != nil || len(rest) > 0 {
		t.Errorf("after the last event: %q, error %v", rest, err)
	}
	end <- `{"StatusCode": 3}`
	for range 2 {
		if err := p.Wait(); err == nil || err.Error() != "exit status 3" {
			t.Errorf("Wait: %v, want exit status 3", err)
		}
	}
	if p.Diagnostics() != "a word" {
		t.Errorf("diagnostics %q", p.Diagnostics())
	}
}

func TestUnreadEventsDoNotHoldWait(t *testing.T) {
	end := make(chan string, 1)
	f := &fakeEngine{end: end, play: func(_ io.Reader, out io.Writer) {
		fmt.Fprint(out, frame(stdcopy.Stdout, strings.Repeat("event\n", 1000)))
	}}
	f.start(t)
	p, err := attach(t.Context(), f.client, "0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	end <- `{"StatusCode": 0}`
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

func TestKillThatTheEngineRefusesStillEndsStreamsAndWait(t *testing.T) {
	f := &fakeEngine{removal: http.StatusInternalServerError, play: echo}
	f.start(t)
	p, err := attach(t.Context(), f.client, "0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err == nil {
		t.Error("Kill returned no error")
	}
	if _, err := io.ReadAll(p.Events()); err != nil {
		t.Errorf("events after Kill: %v", err)
	}
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "docker rm -f 0123456789ab") {
		t.Errorf("Wait: %v, want what to do about the container", err)
	}
}

func TestBrokenStreamIsADiagnostic(t *testing.T) {
	end := make(chan string, 1)
	f := &fakeEngine{end: end, play: func(_ io.Reader, out io.Writer) {
		io.WriteString(out, "\x63\x00\x00\x00\x00\x00\x00\x01x") // no such stream
	}}
	f.start(t)
	p, err := attach(t.Context(), f.client, "0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(p.Events()); err != nil {
		t.Error(err)
	}
	end <- `{"StatusCode": 0}`
	p.Wait()
	if !strings.Contains(p.Diagnostics(), "broke off") {
		t.Errorf("diagnostics %q", p.Diagnostics())
	}
}

func TestOnlyContainersThatStayAreAnErrorOfRemove(t *testing.T) {
	for status, want := range map[int]bool{
		http.StatusNoContent: false, http.StatusNotFound: false, http.StatusConflict: false,
		http.StatusInternalServerError: true, http.StatusForbidden: true,
	} {
		f := &fakeEngine{removal: status, play: echo}
		f.start(t)
		if err := remove(context.Background(), f.client, "0123456789abcdef"); (err != nil) != want {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

func TestLostWaitRemovesTheContainer(t *testing.T) {
	end := make(chan string, 1)
	f := &fakeEngine{removal: http.StatusInternalServerError, end: end, play: echo}
	f.start(t)
	p, err := attach(t.Context(), f.client, "0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	end <- "" // the answer breaks off
	if err := p.Wait(); !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "remove container") {
		t.Errorf("Wait: %v, want the lost connection and the removal that was tried", err)
	}
}
