#!/usr/bin/env perl
# Every leaf of YAML files as YAML::PP sees it, a JSON line each: [file, document, path, type, value].
use strict;
use warnings;
use B;
use JSON::PP;
use YAML::PP;

my $json = JSON::PP->new->utf8;
my $yaml = YAML::PP->new(boolean => 'JSON::PP', schema => ['Core']);

sub leaf {
    my ($value) = @_;
    return ('null', '') unless defined $value;
    return ('bool', $value ? 'true' : 'false') if ref $value eq 'JSON::PP::Boolean';
    my $flags = B::svref_2object(\$value)->FLAGS;
    return ('text', $value) unless $flags & (B::SVp_IOK | B::SVp_NOK);
    return ('number', $value =~ /nan/i ? 'nan' : $value =~ /inf/i ? lc $value : sprintf '%a', $value);
}

sub walk {
    my ($where, $value) = @_;
    if (ref $value eq 'HASH') {
        walk([@$where, "$_"], $value->{$_}) for sort keys %$value;
    } elsif (ref $value eq 'ARRAY') {
        walk([@$where, "$_"], $value->[$_]) for 0 .. $#$value;
    } else {
        my ($file, $n, @path) = @$where;
        print $json->encode([$file, "$n", \@path, leaf($value)]), "\n";
    }
}

for my $file (@ARGV) {
    my $n = 0;
    walk([$file, $n++], $_) for $yaml->load_file($file);
}
