<?php
// Receives the tracker's events: verifies each one, handles it once, then answers. Needs only PHP 8.1 or newer.
//
// Put it on your web server, or try it with: WEBHOOK_SECRETS='whsec_…' SEEN=seen php -S 127.0.0.1:8000 receiver.php

function keys(): array
{
    $key = fn($secret) => str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6)) : $secret;
    $secrets = explode(' ', getenv('WEBHOOK_SECRETS') ?: ''); // the old and the new one while the secret is being changed
    return array_filter(array_map($key, $secrets), fn($key) => $key !== '');
}

// True if it was signed with one of our keys in the last five minutes. A recorded request cannot be replayed later.
function is_genuine(string $id, string $at, string $signatures, string $body): bool
{
    if (!preg_match('/^\d{1,11}$/D', $at) || abs(time() - (int) $at) > 300) {
        return false;
    }
    foreach (keys() as $key) {
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
        foreach (explode(' ', $signatures) as $given) {
            if (hash_equals($expected, $given)) {
                return true;
            }
        }
    }
    return false;
}

// Handles an event unless that was done before. The record of an event is an empty file with its id as the name.
function take(string $id, array $event): void
{
    $seen = getenv('SEEN') ?: __DIR__ . '/seen';
    is_dir($seen) || mkdir($seen, 0700, true) || is_dir($seen) || throw new Exception("cannot make $seen");
    $lock = fopen("$seen/.lock", 'c');
    flock($lock, LOCK_EX); // the same event may arrive again while it is still being handled
    if (!file_exists("$seen/$id")) {
        handle($event);
        $record = fopen("$seen/$id", 'c');
        $record && fsync($record) || throw new Exception("cannot write to $seen");
    }
}

// Your work goes here. If it throws, nothing is recorded, and the event is sent again. It is also sent
// again if the machine stops right after it, so it should do no harm when it runs twice.
function handle(array $event): void
{
    error_log("handled {$event['id']} {$event['type']}");
}

$body = file_get_contents('php://input');
$header = fn($name) => $_SERVER["HTTP_WEBHOOK_$name"] ?? '';
if (!is_genuine($header('ID'), $header('TIMESTAMP'), $header('SIGNATURE'), $body)) {
    http_response_code(401);
} elseif (!preg_match('/^[A-Za-z0-9_-]{1,100}$/D', $header('ID'))) {
    http_response_code(400);
} else {
    http_response_code(500); // replaced by 204 below if nothing fails
    take($header('ID'), json_decode($body, true, flags: JSON_THROW_ON_ERROR));
    http_response_code(204);
}
