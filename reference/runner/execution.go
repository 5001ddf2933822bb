package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/config"
	"github.com/understudy-conformance/understudy/reference/dagfile"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// execution is what a process knows once it talks to its supervisor.
type execution struct {
	channel  *channel
	details  *message.StartupDetails
	log      *slog.Logger
	lines    *logWriter
	config   *config.Config
	settings settings
	user     string // of this process, for people: "alice (uid 61002)"

	bodies      *registry
	coordinated bool // a language runtime: other channels, no switch
	signals     *signals
	bundle      string // in which the task was found already; else ""
}

// run is the runner from the startup frame on and returns the exit code. If the
// task runs as another user it does not return.
func (r *registry) run() int {
	if err := prepare(); err != nil {
		return complain(err)
	}
	fd, err := takeChannel()
	if err != nil {
		return complain(err)
	}
	c, err := newChannel(fd)
	if err != nil {
		return complain(err)
	}
	return r.begin(&execution{bodies: r, channel: c})
}

// begin reads the startup frame and goes on as it says.
func (r *registry) begin(s *execution) int {
	payload, err := s.channel.first()
	if err != nil {
		return complain(err)
	}
	details, handed, err := decodeStartup(payload)
	if err != nil {
		return complain(err)
	}
	s.details = details
	if handed != nil && handed.Switched {
		return s.afterSupervisorsSwitch(handed)
	}

	dropMarkers()
	s.user = userName(nil)
	loaded, loadErr := config.Load(os.Environ())
	s.config = loaded
	if loadErr == nil {
		s.settings, loadErr = readSettings(loaded)
	}
	s.open()
	if loadErr != nil {
		return s.refuse(loadErr)
	}
	declared, err := s.findTask()
	if err != nil {
		return s.notFound(err)
	}
	name := impersonate.Effective(declared, s.settings.defaultUser)
	if s.coordinated {
		if err := s.stay(context.Background(), name); err != nil {
			return s.refuse(err)
		}
		return s.perform()
	}
	target, switches, err := impersonate.Resolve(context.Background(), name, s.settings.policy)
	if err != nil {
		return s.refuse(err)
	}
	if switches {
		return s.refuse(s.switchTo(target, payload))
	}
	return s.perform()
}

// afterSupervisorsSwitch goes on as the target that this process already is.
func (s *execution) afterSupervisorsSwitch(handed *Handed) int {
	s.bundle = handed.Bundle
	account, err := ownAccount(handed.Target)
	if err != nil {
		return complain(err)
	}
	entries := make([]string, 0, len(handed.Environment))
	for name, value := range handed.Environment {
		entries = append(entries, name+"="+value)
	}
	return s.asTarget(account, handed.Settings, impersonate.Environment(account, entries))
}

// ownAccount returns the account of this process: the target of the switch, if
// it is that, or what the system's database says.
func ownAccount(target *impersonate.Account) (impersonate.Account, error) {
	if target != nil {
		return *target, verify(*target)
	}
	account, err := impersonate.LookupUID(context.Background(), os.Geteuid())
	if err != nil {
		return account, fmt.Errorf("find the account of this process: %w", err)
	}
	return account, nil
}

// resume is the runner after the switch and returns the exit code. Its parent
// phase made descriptor 0 what it is; it never reads a second startup frame.
func (r *registry) resume() int {
	if err := prepare(); err != nil {
		return complain(err)
	}
	if !isStreamSocket(0) {
		return complain(errNoChannel)
	}
	handover, err := accept(0)
	if err != nil {
		return complain(err)
	}
	if err := verify(handover.Target); err != nil {
		return complain(err)
	}
	fd, err := takeChannel()
	if err != nil {
		return complain(err)
	}
	c, err := newChannel(fd)
	if err != nil {
		return complain(err)
	}
	s := &execution{bodies: r, channel: c}
	if s.details, _, err = decodeStartup(handover.Payload); err != nil {
		return complain(err)
	}
	return s.asTarget(handover.Target, handover.Settings, handover.Environment)
}

// asTarget runs the task with nothing of the worker's but its settings.
func (s *execution) asTarget(account impersonate.Account, given map[string]string, environment []string) int {
	s.signals = catchSignals()
	s.user = userName(&account)
	s.config = config.FromSettings(given)
	var err error
	s.settings, err = readSettings(s.config)
	s.open()
	if err == nil {
		err = adopt(environment)
	}
	if err != nil {
		return s.refuse(err)
	}
	unix.Umask(s.settings.umask)
	declared, err := s.findTask()
	if err != nil {
		return s.notFound(err)
	}
	if s.coordinated { // whoever switched could not know what the task names
		if err := s.stay(context.Background(), declared); err != nil {
			return s.refuse(err)
		}
	}
	return s.perform()
}

// prepare is what each phase does before anything else.
func prepare() error {
	go surviveClosedOutput()
	return hide()
}

// open begins the conversation: answers are taken in, log lines go out.
func (s *execution) open() {
	s.channel.listen(s.settings.maxFrame)
	if s.lines == nil {
		s.log, s.lines = openLog(s.channel, os.Stderr, s.details.TI)
		return
	}
	s.log = newLog(s.lines, s.details.TI)
}

// errMissing reports a Dag file or task that is not there, perhaps not yet.
var errMissing = errors.New("not found in the bundle")

// findTask looks for the task in this program and in the Dag file, and returns
// the user that it names there.
//
// A language runtime is the other half of a Dag that is code. Such a Dag file is
// not looked at; nobody can tell here what user it names.
func (s *execution) findTask() (declared string, err error) {
	ti := s.details.TI
	if s.bodies.find(ti) == nil {
		return "", fmt.Errorf("task %s.%s is not part of %s: %w", ti.DagID, ti.TaskID, program(), errMissing)
	}
	if s.bundle != "" {
		return "", s.checkAccess(s.bundle, filepath.Join(s.bundle, s.details.DagRelPath))
	}
	if s.coordinated && !dagfile.Declares(s.details.DagRelPath) {
		return "", nil
	}
	return s.readDag()
}

// checkAccess has every part of the path read by the user of this process, so that
// what is in the way is named (BND-019, BND-020).
func (s *execution) checkAccess(root, file string) error {
	err := checkDirectory(root, s.user)
	if err == nil {
		if err = checkFile(file, s.user); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for Dag file %s: %w", file, errMissing)
		}
	}
	if err != nil {
		return fmt.Errorf("bundle %q: %w", s.details.BundleInfo.Name, err)
	}
	return nil
}

// readDag reads the Dag file as the user of this process.
func (s *execution) readDag() (declared string, err error) {
	root, file, err := locate(s.config, s.details)
	if err != nil {
		return "", err
	}
	if err := s.checkAccess(root, file); err != nil {
		return "", err
	}
	dag, err := dagfile.Read(file)
	if err != nil {
		return "", fmt.Errorf("bundle %q: %w", s.details.BundleInfo.Name, err)
	}
	task, ok := dag.Task(s.details.TI.TaskID)
	if dag.ID != s.details.TI.DagID || !ok {
		return "", fmt.Errorf("task %s.%s in Dag file %s: %w", s.details.TI.DagID, s.details.TI.TaskID, file, errMissing)
	}
	return task.RunAsUser, nil
}

// notFound asks for a later attempt while a missing Dag may still appear
// (LIFE-024), and refuses everything else. A language runtime, which holds its
// tasks, says for good that there is no such task (LANG-004).
func (s *execution) notFound(err error) int {
	if s.coordinated && errors.Is(err, errMissing) {
		s.log.Error("removed: " + err.Error())
		now := message.At(time.Now())
		return s.report(&message.TaskState{State: message.StateRemoved, EndDate: &now})
	}
	tried := s.details.TIContext.TaskRescheduleCount
	if !errors.Is(err, errMissing) || tried >= s.settings.missingRetries {
		return s.refuse(err)
	}
	now := time.Now()
	s.log.Warn("rescheduling: "+err.Error(), "attempt", tried+1, "attempts", s.settings.missingRetries)
	return s.report(&message.RescheduleTask{RescheduleDate: message.At(now.Add(s.settings.missingDelay)), EndDate: message.At(now)})
}

// refuse says why the task cannot run, in the log and on standard error. No
// terminal message is sent: exit code 1 tells the supervisor.
func (s *execution) refuse(err error) int {
	if s.lines.onChannel() {
		s.log.Error(err.Error())
	}
	return complain(err)
}

func complain(err error) int {
	surviveClosedOutput()
	fmt.Fprintf(os.Stderr, "%s: %v\n", program(), err)
	return 1
}

// userName describes the user of this process for people.
func userName(account *impersonate.Account) string {
	uid := os.Geteuid()
	if account == nil {
		found, err := impersonate.LookupUID(context.Background(), uid)
		if err != nil {
			return fmt.Sprintf("with uid %d", uid)
		}
		account = &found
	}
	return fmt.Sprintf("%s (uid %d)", account.Name, uid)
}
