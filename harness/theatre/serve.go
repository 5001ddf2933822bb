package theatre

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// fakeServe runs the tasks that are submitted on a socket, and does otherwise what
// FAKE_SERVE says.
func fakeServe(path string) int {
	what := os.Getenv("FAKE_SERVE")
	if what == "ends at once" {
		fmt.Fprintln(os.Stderr, "fake: no port is free")
		return 3
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if what == "dies with a task" {
				fmt.Fprintln(os.Stderr, "fake: a bug")
				os.Exit(4)
			}
			go func() {
				defer conn.Close()
				workload, _ := bufio.NewReader(conn).ReadString('\n')
				fmt.Fprintf(conn, "%d\n", fakeWorker(strings.TrimSpace(workload)))
				if what == "dies after a task" {
					os.Exit(5)
				}
			}()
		}
	}()
	text := "STATUS=listens\nREADY=1"
	if what == "is never ready" {
		text = "STATUS=READY=1"
	}
	if err := notify(text); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	<-asked
	switch what {
	case "stays":
		select {}
	case "leaves a daemon": // in a session of its own, and without its parent
		if err := exec.Command("setsid", "sh", "-c", "setsid sleep 1000 & exit").Run(); err != nil {
			return 1
		}
	case "leaves a process":
		if err := exec.Command("sleep", "1000").Start(); err != nil {
			return 1
		}
	}
	return 0
}

// notify tells who started a service of systemd something.
func notify(text string) error {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(text))
	return err
}

// fakeSubmit hands a task to a server and waits for its end.
func fakeSubmit(path, workload string) int {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	defer conn.Close()
	fmt.Fprintln(conn, workload)
	code := 1
	_, _ = fmt.Fscanln(conn, &code)
	return code
}
