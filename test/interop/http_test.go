package interop

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // for the Any members of an error's details
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"

	"octo-sts.dev/interop/gen/oidc"
)

// The Chainguard SDK's HTTP/1 client: a form is posted, no redirect is followed, anything but 200 is an error whose body
// has `code` and `message`, and a member of the answer that it does not know is an error too.
func TestSDKOverHTTP1(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		t.Run(transport, func(t *testing.T) {
			prepared := server.working(t)
			form := url.Values{
				"scope": {prepared.Scope}, "scopes": {prepared.Scope}, "identity": {prepared.Identity},
				"aud": {"one", "two"}, "cap": {"ignored"}, "identity_provider": {""},
			}
			token, err := postForm(t, server, prepared.Token, form)
			if err != nil {
				t.Fatal(err)
			}
			checkIssued(t, server, token)

			form.Set("identity", "nobody")
			if _, err := postForm(t, server, prepared.Token, form); status.Code(err) != codes.NotFound {
				t.Errorf("got %v, want NotFound", err)
			} else if reason := refusedFor(t, server, err); reason != "POLICY_NOT_FOUND" {
				t.Errorf("the reason is %s, want POLICY_NOT_FOUND", reason)
			}
		})
	}
}

// The SDK offers only http/1.1, so a server that insists on h2 would lose it.
func TestALPN(t *testing.T) {
	for _, row := range []struct {
		offered []string
		agreed  string
	}{
		{[]string{"http/1.1"}, "http/1.1"},
		{[]string{"h2"}, "h2"},
		{[]string{"h2", "http/1.1"}, "h2"},
		{nil, ""},
	} {
		connection, err := tls.Dial("tcp", secure.Address, secure.tlsConfig(row.offered...))
		if err != nil {
			t.Fatalf("offering %v: %v", row.offered, err)
		}
		connection.Close()
		if got := connection.ConnectionState().NegotiatedProtocol; got != row.agreed {
			t.Errorf("offering %v: agreed on %q, want %q", row.offered, got, row.agreed)
		}
	}
}

func TestHTTPAnswers(t *testing.T) {
	prepared := plain.working(t)
	query := "/sts/exchange?" + url.Values{"scope": {prepared.Scope}, "identity": {prepared.Identity}}.Encode()
	for _, row := range []struct {
		name, method, target, contentType, body string
		token                                   string
		status                                  int
		code                                    codes.Code
	}{
		{"GET with a query", "GET", query, "", "", prepared.Token, 200, codes.OK},
		{"POST with a query", "POST", query, "", "", prepared.Token, 200, codes.OK},
		{"POST of JSON", "POST", "/sts/exchange", "application/json", `{"scope":"` + prepared.Scope + `","identity":"` + prepared.Identity + `"}`, prepared.Token, 200, codes.OK},
		{"nothing percent-encoded", "GET", "/sts/exchange?scope=" + prepared.Scope + "&identity=" + prepared.Identity, "", "", prepared.Token, 200, codes.OK},
		{"no token", "GET", query, "", "", "", 401, codes.Unauthenticated},
		{"no scope", "GET", "/sts/exchange?identity=x", "", "", prepared.Token, 400, codes.InvalidArgument},
		{"a scope twice", "GET", query + "&scope=a/b", "", "", prepared.Token, 400, codes.InvalidArgument},
		{"a broken escape", "GET", "/sts/exchange?scope=%zz&identity=x", "", "", prepared.Token, 400, codes.InvalidArgument},
		{"no policy", "GET", query + "x", "", "", prepared.Token, 404, codes.NotFound},
		{"an OIDC token where a refresh token belongs", "POST", "/sts/exchange_refresh_token", "", "", prepared.Token, 401, codes.Unauthenticated},
		{"no refresh token", "POST", "/sts/exchange_refresh_token", "", "", "", 401, codes.Unauthenticated},
		{"a refresh by GET", "GET", "/sts/exchange_refresh_token", "", "", prepared.Token, 405, codes.Unimplemented},
		{"an unknown path", "GET", "/nothing", "", "", "", 404, codes.NotFound},
		{"another method", "PUT", "/sts/exchange", "", "", prepared.Token, 405, codes.Unimplemented},
		{"a token of 17 KB", "GET", query, "", "", strings.Repeat("x", 17_000), 0, codes.OK},
		{"a header of 100 KB", "GET", query, "", "", strings.Repeat("x", 100_000), 431, codes.OK},
	} {
		t.Run(row.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), row.method, "http://"+plain.Address+row.target, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			if row.contentType != "" {
				request.Header.Set("Content-Type", row.contentType)
			}
			if row.token != "" {
				request.Header.Set("Authorization", "Bearer "+row.token)
			}
			answer, body := do(t, http1(plain), request)
			if row.status == 0 && (answer.StatusCode < 400 || answer.StatusCode >= 500) || row.status != 0 && answer.StatusCode != row.status {
				t.Fatalf("got %s %s, want %d", answer.Status, body, row.status)
			}
			if media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); media != "application/json" {
				t.Errorf("Content-Type is %q", answer.Header.Get("Content-Type"))
			}
			switch answer.StatusCode {
			case 200:
				checkIssued(t, plain, strictToken(t, body))
				if got := answer.Header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control is %q, want no-store", got)
				}
			case 401:
				if !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer") {
					t.Error("WWW-Authenticate does not ask for Bearer")
				}
				fallthrough
			default:
				if refusal := strictStatus(t, body); row.code != codes.OK && codes.Code(refusal.GetCode()) != row.code {
					t.Errorf("code is %d, want %d: %s", refusal.GetCode(), row.code, body)
				}
			}
		})
	}
}

func TestPages(t *testing.T) {
	for path, want := range map[string]string{"/": "msg", "/healthz": "", "/readyz": "", "/schemas/trust-policy.json": "$schema"} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+plain.Address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, body := do(t, http1(plain), request)
		if answer.StatusCode != 200 {
			t.Errorf("%s: got %s", path, answer.Status)
		}
		var members map[string]any
		if want != "" && (json.Unmarshal(body, &members) != nil || members[want] == nil) {
			t.Errorf("%s: got %s, want JSON with %q", path, body, want)
		}
	}
}

// HTTP/2 without TLS is what Cloud Run and service meshes send, for gRPC and for the rest alike.
func TestHTTPOverH2C(t *testing.T) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	prepared := plain.working(t)
	target := "http://" + plain.Address + "/sts/exchange?scope=" + prepared.Scope + "&identity=" + prepared.Identity
	request, err := http.NewRequestWithContext(t.Context(), "GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+prepared.Token)
	answer, body := do(t, client, request)
	if answer.StatusCode != 200 || answer.ProtoMajor != 2 {
		t.Fatalf("got %s %s %s, want 200 over HTTP/2", answer.Proto, answer.Status, body)
	}
	checkIssued(t, plain, strictToken(t, body))
}

func postForm(t *testing.T, server *sandbox, token string, form url.Values) (*oidc.RawToken, error) {
	t.Helper()
	body, err := post(t, server, "/sts/exchange", token, form)
	if err != nil {
		return nil, err
	}
	return strictToken(t, body), nil
}

// Post is the SDK's way with a form: anything but 200 is an error, read from the body.
func post(t *testing.T, server *sandbox, path, token string, form url.Values) ([]byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", server.url(path), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, body := do(t, http1(server), request)
	if answer.StatusCode != http.StatusOK {
		return nil, status.FromProto(strictStatus(t, body)).Err()
	}
	return body, nil
}

func http1(server *sandbox) *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSNextProto:      map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 and nothing else
	}
	if server.roots != nil {
		transport.TLSClientConfig = server.tlsConfig("http/1.1")
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func do(t *testing.T, client *http.Client, request *http.Request) (*http.Response, []byte) {
	t.Helper()
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// StrictToken decodes twice: as encoding/json with unknown members refused, and as proto3 JSON. All members are there.
func strictToken(t *testing.T, body []byte) *oidc.RawToken {
	t.Helper()
	var members struct {
		Token        *string    `json:"token"`
		RefreshToken *string    `json:"refreshToken"`
		Expiry       *time.Time `json:"expiry"`
	}
	strictJSON(t, body, &members)
	if members.Token == nil || *members.Token == "" || members.RefreshToken == nil || members.Expiry == nil {
		t.Fatalf("a member is missing: %s", body)
	}
	token := new(oidc.RawToken)
	if err := protojson.Unmarshal(body, token); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return token
}

// StrictStatus reads an error's body as google.rpc.Status in proto3 JSON, its details by their types.
func strictStatus(t *testing.T, body []byte) *rpcstatus.Status {
	t.Helper()
	refusal := new(rpcstatus.Status)
	if err := protojson.Unmarshal(body, refusal); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if refusal.GetCode() == 0 || refusal.GetMessage() == "" {
		t.Fatalf("code or message is missing: %s", body)
	}
	for _, packed := range refusal.GetDetails() {
		if packed.MessageIs((*emptypb.Empty)(nil)) {
			t.Errorf("an empty detail: %s", body)
		}
	}
	return refusal
}
